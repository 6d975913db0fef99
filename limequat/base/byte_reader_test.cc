#include "limequat/base/byte_reader.h"

#include <limits>

#include <gtest/gtest.h>

namespace limequat {
namespace {

const Bytes kEight = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88};

TEST(ByteReader, ReadsIntegersOfBothOrders) {
  EXPECT_EQ(*ByteReader(kEight).U8("x"), 0x01U);
  EXPECT_EQ(*ByteReader(kEight).U16Be("x"), 0x0102U);
  EXPECT_EQ(*ByteReader(kEight).U32Be("x"), 0x01020304U);
  EXPECT_EQ(*ByteReader(kEight).U64Be("x"), 0x0102030405060788U);
  EXPECT_EQ(*ByteReader(kEight).U16Le("x"), 0x0201U);
  EXPECT_EQ(*ByteReader(kEight).U32Le("x"), 0x04030201U);
  EXPECT_EQ(*ByteReader(kEight).U64Le("x"), 0x8807060504030201U);
}

TEST(ByteReader, KeepsCountOfWhatIsLeft) {
  ByteReader in(kEight);
  ASSERT_TRUE(in.U16Be("x"));
  EXPECT_EQ(in.offset(), 2U);
  EXPECT_EQ(in.remaining(), 6U);
  EXPECT_TRUE(Equal(in.rest(), ByteView(kEight).subspan(2)));
  ASSERT_TRUE(in.Take(6, "x"));
  EXPECT_TRUE(in.empty());
  EXPECT_TRUE(in.rest().empty());
}

// Calls `read` on every input that is too short by one or more bytes.
template <class Read>
void ExpectShort(std::size_t needed, Read read) {
  for (std::size_t size = 0; size < needed; ++size) {
    ByteReader in(ByteView(kEight).first(size));
    const auto value = read(in);
    ASSERT_FALSE(value) << size;
    EXPECT_EQ(value.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(value.error().id, "bytes.short");
    EXPECT_NE(value.error().message.find("the field"), std::string::npos);
    EXPECT_EQ(in.offset(), 0U) << "a failed read consumes nothing";
  }
}

TEST(ByteReader, RefusesToReadPastTheEnd) {
  ExpectShort(1, [](ByteReader& in) { return in.U8("the field"); });
  ExpectShort(2, [](ByteReader& in) { return in.U16Be("the field"); });
  ExpectShort(4, [](ByteReader& in) { return in.U32Be("the field"); });
  ExpectShort(8, [](ByteReader& in) { return in.U64Be("the field"); });
  ExpectShort(2, [](ByteReader& in) { return in.U16Le("the field"); });
  ExpectShort(4, [](ByteReader& in) { return in.U32Le("the field"); });
  ExpectShort(8, [](ByteReader& in) { return in.U64Le("the field"); });
  ExpectShort(5, [](ByteReader& in) { return in.Take(5, "the field"); });
}

TEST(ByteReader, RefusesACountThatWouldWrapAround) {
  ByteReader in(kEight);
  ASSERT_TRUE(in.U8("x"));
  const Result<ByteView> taken = in.Take(std::numeric_limits<std::size_t>::max(), "the field");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().id, "bytes.short");
  EXPECT_EQ(in.offset(), 1U);
}

TEST(ByteReader, TakesNothingOfNothing) {
  ByteReader in(ByteView{});
  const Result<ByteView> taken = in.Take(0, "x");
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->empty());
}

TEST(ByteReader, ReadsSizedStrings) {
  const Bytes be = {0x00, 0x02, 0xaa, 0xbb, 0xcc};
  ByteReader in(be);
  const Result<ByteView> bytes = in.SizedU16Be("x");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(ToBytes(*bytes), (Bytes{0xaa, 0xbb}));
  EXPECT_EQ(in.offset(), 4U);

  const Bytes le = {0x02, 0x00, 0x00, 0x00, 0xaa, 0xbb};
  ByteReader little(le);
  const Result<ByteView> field = little.SizedU32Le("x");
  ASSERT_TRUE(field);
  EXPECT_EQ(ToBytes(*field), (Bytes{0xaa, 0xbb}));
  EXPECT_TRUE(little.empty());
}

TEST(ByteReader, RefusesSizedStringsThatAnnounceMoreThanThereIs) {
  const Bytes be = {0x00, 0x03, 0xaa, 0xbb};
  ByteReader in(be);
  ASSERT_FALSE(in.SizedU16Be("x"));
  EXPECT_EQ(in.offset(), 0U) << "not even the size is consumed";

  const Bytes le = {0xff, 0xff, 0xff, 0xff, 0xaa};
  ByteReader little(le);
  ASSERT_FALSE(little.SizedU32Le("x"));
  EXPECT_EQ(little.offset(), 0U);

  ByteReader cut(ByteView(le).first(3));
  ASSERT_FALSE(cut.SizedU32Le("x"));
  EXPECT_EQ(cut.offset(), 0U);
}

TEST(ByteReader, ExpectEndNamesWhatFollows) {
  ByteReader in(kEight);
  const Status early = in.ExpectEnd("the structure");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().id, "bytes.trailing");
  EXPECT_NE(early.error().message.find("8 bytes follow the end of the structure"),
            std::string::npos);
  ASSERT_TRUE(in.Take(8, "x"));
  EXPECT_TRUE(in.ExpectEnd("the structure"));
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
  ByteWriter out;
  out.U8(0x81).U16Be(0x0203).U32Be(0x84050607).U64Be(0x88090a0b0c0d0e0f);
  out.U16Le(0x0203).U32Le(0x84050607);
  out.SizedU16Be(Bytes{1, 2, 3}).SizedU32Le(Bytes{4, 5}).Zeros(2).Raw(Bytes{9});
  ByteReader in(out.bytes());
  EXPECT_EQ(*in.U8("x"), 0x81U);
  EXPECT_EQ(*in.U16Be("x"), 0x0203U);
  EXPECT_EQ(*in.U32Be("x"), 0x84050607U);
  EXPECT_EQ(*in.U64Be("x"), 0x88090a0b0c0d0e0fU);
  EXPECT_EQ(*in.U16Le("x"), 0x0203U);
  EXPECT_EQ(*in.U32Le("x"), 0x84050607U);
  EXPECT_EQ(ToBytes(*in.SizedU16Be("x")), (Bytes{1, 2, 3}));
  EXPECT_EQ(ToBytes(*in.SizedU32Le("x")), (Bytes{4, 5}));
  EXPECT_EQ(ToBytes(in.rest()), (Bytes{0, 0, 9}));
}

TEST(ByteWriter, OrdersBytes) {
  EXPECT_EQ(ByteWriter().U16Be(0x0102).Take(), (Bytes{1, 2}));
  EXPECT_EQ(ByteWriter().U32Be(0x01020304).Take(), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(ByteWriter().U64Be(0x0102030405060708).Take(), (Bytes{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(ByteWriter().U16Le(0x0102).Take(), (Bytes{2, 1}));
  EXPECT_EQ(ByteWriter().U32Le(0x01020304).Take(), (Bytes{4, 3, 2, 1}));
}

TEST(ByteWriter, TakesTheLongestTpm2b) {
  EXPECT_EQ(ByteWriter().SizedU16Be(Bytes(0xffff)).bytes().size(), 0x10001U);
}

TEST(ByteWriterDeathTest, EndsTheProgramOverATpm2bThatDoesNotFit) {
  EXPECT_DEATH(ByteWriter().SizedU16Be(Bytes(0x10000)), "does not hold");
}

}  // namespace
}  // namespace limequat
