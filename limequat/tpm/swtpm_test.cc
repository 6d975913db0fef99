// What this module makes and reads, against the TPM simulator that most of the world
// tests with. Skipped, with the reason, where swtpm or tpm2-tools are not installed.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limequat/tpm/credential.h"
#include "limequat/tpm/public_area.h"
#include "limequat/tpm/quote.h"

namespace limequat::tpm {
namespace {

namespace fs = std::filesystem;

bool Installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
}

// A TPM of its own in a folder of its own, until the end of the test.
class Swtpm {
 public:
  Swtpm() {
    std::string pattern = (fs::temp_directory_path() / "limequat-swtpm-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    Start();
    for (int i = 0; i < 1000 && !fs::exists(folder_ / "sock.ctrl"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ~Swtpm() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    fs::remove_all(folder_);
  }
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  // Runs a tool in the folder; whether it succeeded. Tools leave their objects in the
  // TPM, which has room for three and no resource manager in front of it.
  bool Run(const std::string& command) const {
    return RunAlone(command) && RunAlone("tpm2_flushcontext -t");
  }
  void Need(const std::string& command) const {
    ASSERT_TRUE(Run(command)) << command << "\n" << AsText(Read("log"));
  }
  Bytes Read(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  void Write(const std::string& name, ByteView content) const {
    std::ofstream file(folder_ / name, std::ios::binary);
    file << AsText(content);
  }

 private:
  bool RunAlone(const std::string& command) const {
    const std::string line = "cd '" + folder_.string() +
                             "' && TPM2TOOLS_TCTI='swtpm:path=" + (folder_ / "sock").string() +
                             "' " + command + " >log 2>&1";
    return std::system(line.c_str()) == 0;
  }

  void Start() {
    const std::string state = "dir=" + folder_.string();
    const std::string server = "type=unixio,path=" + (folder_ / "sock").string();
    const std::string control = "type=unixio,path=" + (folder_ / "sock.ctrl").string();
    pid_ = fork();
    if (pid_ == 0) {
      const int null = open("/dev/null", O_RDWR);
      for (int fd = 0; fd <= 2; ++fd) dup2(null, fd);
      execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server",
             server.c_str(), "--ctrl", control.c_str(), "--flags", "startup-clear", nullptr);
      _exit(127);
    }
  }

  fs::path folder_;
  pid_t pid_ = -1;
};

class SwtpmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string program : {"swtpm", "tpm2_createprimary", "tpm2_activatecredential"}) {
      if (!Installed(program)) GTEST_SKIP() << program << " is not installed";
    }
  }
};

struct EkKind {
  std::string name;
  std::string algorithm;
  std::string hash;

  friend void PrintTo(const EkKind& kind, std::ostream* out) { *out << kind.name; }
};

class ActivationTest : public SwtpmTest, public ::testing::WithParamInterface<EkKind> {};

// The TPM releases what MakeCredential sealed, and only for the right object.
TEST_P(ActivationTest, TpmReleasesTheSecret) {
  const Swtpm tpm;
  tpm.Need("tpm2_createprimary -C e -c ek.ctx -o ek.pub -G " + GetParam().algorithm + " -g " +
           GetParam().hash +
           " -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'");
  tpm.Need("tpm2_readpublic -c ek.ctx -o ek.pub");
  tpm.Need(
      "tpm2_createprimary -C o -c ak.ctx -G ecc256:ecdsa-sha256:null -g sha256 "
      "-a 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'");
  tpm.Need("tpm2_readpublic -c ak.ctx -o ak.pub -n ak.name");

  const auto ek = PublicArea::FromTpm2b(tpm.Read("ek.pub"));
  ASSERT_TRUE(ek.has_value()) << ek.error().message;
  EXPECT_TRUE(CheckEndorsementKey(*ek).passed());
  const auto ak = PublicArea::FromTpm2b(tpm.Read("ak.pub"));
  ASSERT_TRUE(ak.has_value()) << ak.error().message;
  EXPECT_TRUE(CheckAttestationKey(*ak).passed());
  EXPECT_EQ(ak->Name(), tpm.Read("ak.name"));

  const Bytes secret = ToBytes("0123456789abcdefghijABCDEFGHIJ01");
  const auto credential = MakeCredential(*ek, ak->Name(), secret);
  ASSERT_TRUE(credential.has_value()) << credential.error().message;
  tpm.Write("blob", WriteCredentialBlob(*credential));
  tpm.Need("tpm2_activatecredential -c ak.ctx -C ek.ctx -i blob -o secret");
  EXPECT_EQ(tpm.Read("secret"), secret);

  const auto of_another = MakeCredential(*ek, ek->Name(), secret);
  ASSERT_TRUE(of_another.has_value());
  tpm.Write("blob", WriteCredentialBlob(*of_another));
  EXPECT_FALSE(tpm.Run("tpm2_activatecredential -c ak.ctx -C ek.ctx -i blob -o secret"));
}

INSTANTIATE_TEST_SUITE_P(EndorsementKeys, ActivationTest,
                         ::testing::Values(EkKind{"Rsa2048", "rsa2048:null:aes128cfb", "sha256"},
                                           EkKind{"EccP256", "ecc256:null:aes128cfb", "sha256"},
                                           EkKind{"EccP384", "ecc384:null:aes256cfb", "sha384"}),
                         [](const auto& kind) { return kind.param.name; });

TEST_F(SwtpmTest, QuoteOfALiveTpm) {
  const Swtpm tpm;
  tpm.Need(
      "tpm2_createprimary -C o -c ak.ctx -G rsa2048:rsapss-sha256:null -g sha256 "
      "-a 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'");
  tpm.Need("tpm2_readpublic -c ak.ctx -o ak.pub");
  tpm.Need(
      "tpm2_quote -c ak.ctx --scheme rsapss -l sha256:0,10,23+sha1:1 -q 00aabb -m msg -s sig -o "
      "pcrs");
  const auto ak = PublicArea::FromTpm2b(tpm.Read("ak.pub"));
  ASSERT_TRUE(ak.has_value()) << ak.error().message;
  const auto blob = ParsePcrBlob(tpm.Read("pcrs"));
  ASSERT_TRUE(blob.has_value()) << blob.error().message;
  QuoteRequirements requirements;
  requirements.nonce = Bytes{0x00, 0xaa, 0xbb};
  requirements.pcrs = {{.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(10) | PcrSet::Of(23)}};
  const Bytes message = tpm.Read("msg");
  const Bytes signature = tpm.Read("sig");
  const auto result =
      VerifyQuote(ak->key(), message, ByteView(signature), blob->values, requirements);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  ASSERT_TRUE(result->quote.has_value());
  EXPECT_TRUE(result->quote->Pcr(crypto::HashAlgorithm::kSha256, 10)->IsZero());
}

// Every command that attests, by the type of what it makes.
struct AttestingCommand {
  std::string before;  // commands, one a line
  std::string command;
  std::string type;
};

std::vector<AttestingCommand> AttestingCommands() {
  const std::string sign = " -c ak.ctx -g sha256 -s sig -q 00aabb ";
  return {{"", "tpm2_certify -c ak.ctx -C ak.ctx -g sha256 -o msg -s sig", "certify"},
          {"",
           "tpm2_certifycreation -C ak.ctx -c ak.ctx -d hash -t ticket -g sha256 -o sig "
           "--attestation msg -q 00aabb",
           "creation"},
          {"tpm2_nvdefine -C o -s 8 -a 'ownerread|ownerwrite|authread|authwrite' 0x1500001\n"
           "tpm2_nvwrite -C o -i eight 0x1500001",
           "tpm2_nvcertify -C ak.ctx -c o -g sha256 -o sig --attestation msg --size 8 --offset 0 "
           "-q 00aabb 0x1500001",
           "nv"},
          {"",
           "tpm2_nvcertify -C ak.ctx -c o -g sha256 -o sig --attestation msg --size 0 --offset 0 "
           "-q 00aabb 0x1500001",
           "nv-digest"},
          {"", "tpm2_gettime -c ak.ctx -g sha256 -o sig --attestation msg -q 00aabb", "time"},
          {"tpm2_startauthsession -S session.ctx --audit-session\n"
           "tpm2_getrandom -S session.ctx 8 -o random",
           "tpm2_getsessionauditdigest -S session.ctx -m msg" + sign, "session-audit"},
          {"tpm2_setcommandauditstatus -C o TPM2_CC_GetRandom",
           "tpm2_getcommandauditdigest -m msg" + sign, "command-audit"},
          {"", "tpm2_quote -l sha256:10+sha256:0 -m msg" + sign + "-o pcrs", "quote"}};
}

TEST_F(SwtpmTest, EveryAttestationOfALiveTpm) {
  const Swtpm tpm;
  tpm.Write("eight", ToBytes("12345678"));
  tpm.Need(
      "tpm2_createprimary -C o -c ak.ctx -G ecc256:ecdsa-sha256:null -g sha256 -d hash "
      "--creation-ticket ticket "
      "-a 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'");
  tpm.Need("tpm2_readpublic -c ak.ctx -o ak.pub");
  const auto ak = PublicArea::FromTpm2b(tpm.Read("ak.pub"));
  ASSERT_TRUE(ak.has_value()) << ak.error().message;
  for (const AttestingCommand& attesting : AttestingCommands()) {
    std::istringstream before(attesting.before);
    for (std::string line; std::getline(before, line);) tpm.Need(line);
    tpm.Need(attesting.command);
    const Bytes message = tpm.Read("msg");
    const auto attest = ParseAttest(message);
    ASSERT_TRUE(attest.has_value()) << attesting.type << ": " << attest.error().message;
    EXPECT_EQ(AttestTypeName(TypeOf(attest->attested)), attesting.type);
    EXPECT_EQ(WriteAttest(*attest), message) << attesting.type;
    const auto signature = ParseSignature(tpm.Read("sig"));
    ASSERT_TRUE(signature.has_value()) << signature.error().message;
    EXPECT_EQ(VerifySignature(ak->key(), *signature, message), crypto::SignatureCheck::kValid);
    const auto quote = ParseQuoteAttest(message);
    ASSERT_EQ(quote.has_value(), attesting.type == "quote");
    EXPECT_EQ(quote ? "" : quote.error().id, attesting.type == "quote" ? "" : "tpm.attest.type");
  }
  // The last one: a quote that names a bank twice.
  const auto blob = ParsePcrBlob(tpm.Read("pcrs"));
  ASSERT_TRUE(blob.has_value()) << blob.error().message;
  const Bytes message = tpm.Read("msg");
  const Bytes signature = tpm.Read("sig");
  const auto result = VerifyQuote(ak->key(), message, ByteView(signature), blob->values,
                                  {.nonce = Bytes{0x00, 0xaa, 0xbb}, .pcrs = {}});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_TRUE(result->quote.has_value());
}

}  // namespace
}  // namespace limequat::tpm
