// Properties of layers, over sets made at random from a fixed seed.

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/policy/policy_set.h"

namespace limequat::policy {
namespace {

constexpr int kRounds = 300;
constexpr int kHours = 24;

Time At(std::size_t hour) { return *ParseRfc3339(fmt::format("2026-11-25T{:02}:00:00Z", hour)); }

// What an appraisal comes to for a file that nobody signed.
bool Good(const PolicyAt& policy, std::string_view path, ByteView digest) {
  return policy.Look(path, digest) == PathAnswer::kListed ||
         policy.Excludes(path) == Exclusion::kExcluded;
}

class Maker {
 public:
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }

  std::string Path() { return fmt::format("/{}/{}", "abc"[Below(3)], Below(3)); }
  std::string Keyring() { return fmt::format(".{}", "abc"[Below(3)]); }
  std::string Digest() { return std::string(64, static_cast<char>('1' + Below(3))); }

  std::string Text() {
    std::string digests;
    for (char folder = 'a'; folder <= 'c'; ++folder) {
      for (int file = 0; file < 3; ++file) {
        if (!Chance(3)) continue;
        digests += fmt::format(R"({}"/{}/{}":["{}","{}"])", digests.empty() ? "" : ",", folder,
                               file, Digest(), Digest());
      }
    }
    std::string excludes;
    if (Chance(3)) excludes = fmt::format("\"/{}/\"", "abc"[Below(3)]);
    if (Chance(12)) excludes = R"(".*")";
    return fmt::format(
        R"({{"meta":{{"version":1,"generator":{}{}}},"release":{},"digests":{{{}}},)"
        R"("excludes":[{}],"keyrings":{{{}}},"ima":{{"ignored_keyrings":[],"log_hash_alg":"sha1",)"
        R"("dm_policy":null}},"ima-buf":{{}},"verification-keys":""}})",
        Chance(12) ? 1 : 3, Window(), Below(5), digests, excludes, Keyrings());
  }
  std::shared_ptr<const RuntimePolicy> Policy() { return *RuntimePolicy::Parse(Text()); }
  std::vector<PolicyLayer> Layers() {
    std::vector<PolicyLayer> layers;
    const std::size_t count = 1 + Below(4);
    for (std::size_t i = 0; i < count; ++i) layers.push_back({fmt::format("{}", i), Policy()});
    return layers;
  }
  void Shuffle(std::vector<PolicyLayer>& layers) { std::ranges::shuffle(layers, random_); }

 private:
  std::string Keyrings() {
    std::string text;
    for (const char name : std::string_view("abc")) {
      if (!Chance(2)) continue;
      text += fmt::format(R"({}".{}":["{}"])", text.empty() ? "" : ",", name, Digest());
    }
    return text;
  }
  std::string Window() {
    const std::size_t from = Below(kHours / 2);
    const std::size_t until = kHours / 2 + Below(kHours / 2);
    std::string text;
    if (Chance(3)) text += fmt::format(R"(,"effective_from":"{}")", FormatRfc3339(At(from)));
    if (Chance(2)) text += fmt::format(R"(,"retire_after":"{}")", FormatRfc3339(At(until)));
    return text;
  }

  std::mt19937 random_{20'261'128};  // NOLINT(bugprone-random-generator-seed): repeatable
};

std::shared_ptr<const PolicySet> Composed(std::vector<PolicyLayer> layers) {
  const auto set = PolicySet::Compose(std::move(layers));
  EXPECT_TRUE(set);
  return *set;
}

// What no layer accepts by itself, no combination of them and no order accepts; and no
// order says something else than another.
TEST(PolicySetProperty, NoOrderOrCombinationMakesAnUnlistedFileGood) {
  Maker make;
  int refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<PolicyLayer> layers = make.Layers();
    const auto first = Composed(layers);
    make.Shuffle(layers);
    const auto second = Composed(layers);
    const std::size_t now = make.Below(kHours);
    const std::size_t verified = make.Below(now + 1);
    for (int file = 0; file < 20; ++file) {
      const std::string path = make.Path();
      const Bytes digest = *HexDecode(make.Digest());
      const bool by_one = std::ranges::any_of(layers, [&](const PolicyLayer& layer) {
        const auto alone = PolicySet::Of(layer.policy);
        const PolicyAt at(*alone, At(now), At(verified));
        return !at.says_nothing() && Good(at, path, digest);
      });
      const PolicyAt at(*first, At(now), At(verified));
      const bool good = !at.says_nothing() && Good(at, path, digest);
      const PolicyAt other(*second, At(now), At(verified));
      ASSERT_EQ(good, !other.says_nothing() && Good(other, path, digest)) << round << path;
      if (!by_one) {
        ASSERT_FALSE(good) << round << path;
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, kRounds);
}

// A file whose path a layer in effect lists is good only by a listed digest, or by the
// expressions of the one layer that lists it: one more layer never excuses it.
TEST(PolicySetProperty, AnotherLayerNeverLoosensWhatOneLists) {
  Maker make;
  int compared = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto base = make.Policy();
    const auto other = make.Policy();
    if (base->says_nothing()) continue;
    const auto both = Composed({{"base", base}, {"other", other}});
    const auto alone = PolicySet::Of(base);
    const Time now = At(make.Below(kHours));
    for (int file = 0; file < 20; ++file) {
      const std::string path = make.Path();
      const Bytes digest = *HexDecode(make.Digest());
      const PolicyAt at(*alone, now);
      if (at.says_nothing() || at.Look(path, digest) != PathAnswer::kOtherDigest) continue;
      if (Good(at, path, digest)) continue;
      const PolicyAt together(*both, now);
      const bool good = Good(together, path, digest);
      ASSERT_EQ(good, together.Look(path, digest) == PathAnswer::kListed) << round << path;
      ++compared;
    }
  }
  EXPECT_GT(compared, kRounds);
}

// Layers, and what they say together at one moment.
struct Moment {
  const std::vector<PolicyLayer>& layers;
  const PolicyAt& at;
};

// Whether layers list `digest` for `name`: no longer, and still.
struct Listed {
  bool once = false;
  bool still = false;
};
using LookOf = PathAnswer (RuntimePolicy::*)(std::string_view, ByteView) const;

Listed ListedBy(const Moment& moment, LookOf look, std::string_view name, ByteView digest) {
  Listed listed;
  for (const PolicyLayer& layer : moment.layers) {
    const RuntimePolicy& policy = *layer.policy;
    const PolicyWindow& window = policy.window();
    if (policy.says_nothing() || (policy.*look)(name, digest) != PathAnswer::kListed) continue;
    if (window.effective_from && moment.at.now() < *window.effective_from) continue;
    const bool past = window.retire_after && moment.at.first_verified() > *window.retire_after;
    (past ? listed.once : listed.still) = true;
  }
  return listed;
}

// Asks of layers made at random, at moments made at random at which they say something.
template <class Ask>
void AtRandomMoments(Maker& make, const Ask& ask) {
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    const auto layers = make.Layers();
    const auto set = Composed(layers);
    const std::size_t verified = make.Below(kHours);
    const std::size_t now = verified + make.Below(kHours - verified);
    const PolicyAt at(*set, At(now), At(verified));
    if (!at.says_nothing()) ask(Moment{.layers = layers, .at = at});
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(PolicySetProperty, ARetiredDigestNeverPassesAfterItsTime) {
  Maker make;
  int retired = 0;
  AtRandomMoments(make, [&](const Moment& moment) {
    for (int file = 0; file < 20; ++file) {
      const std::string path = make.Path();
      const Bytes digest = *HexDecode(make.Digest());
      const Listed listed = ListedBy(moment, &RuntimePolicy::Look, path, digest);
      if (!listed.once || listed.still) continue;
      ASSERT_FALSE(Good(moment.at, path, digest)) << path;
      ++retired;
    }
  });
  EXPECT_GT(retired, 20);
}

// Nor is a key learned then that a retired layer lists for its keyring.
TEST(PolicySetProperty, ARetiredKeyIsNotTrustedAfterItsTime) {
  Maker make;
  int retired = 0;
  AtRandomMoments(make, [&](const Moment& moment) {
    for (int key = 0; key < 20; ++key) {
      const std::string keyring = make.Keyring();
      const Bytes digest = *HexDecode(make.Digest());
      const Listed listed = ListedBy(moment, &RuntimePolicy::LookKey, keyring, digest);
      const bool trusted = moment.at.LookKey(keyring, digest) == PathAnswer::kListed;
      ASSERT_EQ(trusted, listed.still) << keyring;
      if (listed.once && !trusted) ++retired;
    }
  });
  EXPECT_GT(retired, 20);
}

// Verified in time, it stays good, however late it is.
TEST(PolicySetProperty, WhatWasVerifiedInTimeStaysGood) {
  Maker make;
  int good = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto set = Composed(make.Layers());
    const std::size_t verified = make.Below(kHours);
    const PolicyAt then(*set, At(verified));
    if (then.says_nothing()) continue;
    for (int file = 0; file < 20; ++file) {
      const std::string path = make.Path();
      const Bytes digest = *HexDecode(make.Digest());
      if (then.Look(path, digest) != PathAnswer::kListed) continue;
      const PolicyAt later(*set, At(kHours - 1), At(verified));
      ASSERT_EQ(later.Look(path, digest), PathAnswer::kListed) << round << path;
      ++good;
    }
  }
  EXPECT_GT(good, kRounds);
}

// Bytes changed, cut off and doubled: a policy is refused, or all that it lists is there.
TEST(PolicySetProperty, AMalformedPolicyIsNeverPartlyApplied) {
  Maker make;
  int refused = 0;
  for (int round = 0; round < 10 * kRounds; ++round) {
    std::string text = make.Text();
    const std::size_t at = make.Below(text.size());
    switch (make.Below(3)) {
      case 0:
        text[at] = static_cast<char>(make.Below(256));
        break;
      case 1:
        text.resize(at);
        break;
      default:
        text.insert(at, text.substr(at, make.Below(40)));
        break;
    }
    const auto policy = RuntimePolicy::Parse(text);
    if (!policy) {
      ++refused;
      continue;
    }
    const auto document = json::Parse(text);
    ASSERT_TRUE(document);
    std::size_t listed = 0;
    for (const auto& [path, digests] : *document->as_object()->Find("digests")->as_object()) {
      for (const json::Value& digest : *digests.as_array()) {
        ++listed;
        ASSERT_EQ((*policy)->Look(path, *HexDecode(*digest.as_string())), PathAnswer::kListed);
      }
    }
    ASSERT_EQ((*policy)->digests(), listed);
  }
  EXPECT_GT(refused, kRounds);
}

}  // namespace
}  // namespace limequat::policy
