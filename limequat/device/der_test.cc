#include "limequat/device/der.h"

#include <gtest/gtest.h>

namespace limequat::device {
namespace {

TEST(SplitDer, TakesSequencesUpToPadding) {
  const Bytes one{0x30, 0x02, 0x05, 0x00};
  Bytes nv = one;
  Append(nv, one);
  Append(nv, Bytes{0x00, 0x00, 0xff});
  EXPECT_EQ(SplitDer(nv), (std::vector<Bytes>{one, one}));
}

TEST(SplitDer, ReadsLongLengths) {
  Bytes element{0x30, 0x81, 0x80};
  element.resize(3 + 0x80, 0xaa);
  Bytes longer{0x30, 0x82, 0x01, 0x00};
  longer.resize(4 + 0x100, 0xbb);
  Bytes nv = element;
  Append(nv, longer);
  EXPECT_EQ(SplitDer(nv), (std::vector<Bytes>{element, longer}));
}

TEST(SplitDer, GivesNothingForWhatIsNoSequence) {
  EXPECT_TRUE(SplitDer({}).empty());
  EXPECT_TRUE(SplitDer(Bytes{0x30}).empty());
  EXPECT_TRUE(SplitDer(Bytes{0x31, 0x01, 0x00}).empty());
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x00}).empty()) << "an empty one is padding, and would not end";
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x80, 0x00, 0x00}).empty()) << "indefinite length";
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x83, 0x00, 0x00, 0x01, 0x00}).empty())
      << "three bytes of length";
}

TEST(SplitDer, Quirk_A21_TruncatedLengthsEndTheChain) {
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x82}).empty());
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x82, 0x01}).empty());
  EXPECT_TRUE(SplitDer(Bytes{0x30, 0x05, 0x00}).empty());
  const Bytes good{0x30, 0x01, 0x00};
  Bytes nv = good;
  Append(nv, Bytes{0x30, 0x82, 0x10, 0x00, 0x00});
  EXPECT_EQ(SplitDer(nv), std::vector<Bytes>{good});
}

}  // namespace
}  // namespace limequat::device
