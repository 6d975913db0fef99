#include "limequat/crypto/der.h"

#include <gtest/gtest.h>

namespace limequat::crypto {
namespace {

TEST(DerReader, WalksOverElements) {
  const Bytes input{0x02, 0x01, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff};
  DerReader in(input);
  const auto number = in.Next();
  ASSERT_TRUE(number);
  EXPECT_EQ(number->tag, kDerInteger);
  EXPECT_TRUE(number->minimal_length);
  EXPECT_TRUE(Equal(number->whole, ByteView(input).first(3)));
  const auto sequence = in.NextIf(kDerSequence);
  ASSERT_TRUE(sequence);
  EXPECT_TRUE(Equal(sequence->content, Bytes{0x01, 0x01, 0xff}));
  EXPECT_TRUE(in.empty());
}

TEST(DerReader, LongLengths) {
  Bytes input{0x04, 0x82, 0x01, 0x00};
  input.resize(4 + 256);
  EXPECT_EQ(DerReader(input).Next()->content.size(), 256U);
  EXPECT_TRUE(DerReader(input).Next()->minimal_length);
  EXPECT_FALSE(DerReader(Bytes{0x04, 0x81, 0x01, 0x00}).Next()->minimal_length);
  Bytes padded{0x04, 0x82, 0x00, 0x80};
  padded.resize(4 + 128);
  EXPECT_FALSE(DerReader(padded).Next()->minimal_length);
}

TEST(DerReader, WhatFailsConsumesNothing) {
  const struct {
    Bytes input;
    const char* id;
  } cases[] = {{{}, "crypto.der.short"},
               {{0x30}, "crypto.der.short"},
               {{0x30, 0x02, 0x00}, "crypto.der.short"},
               {{0x30, 0x80, 0x00, 0x00}, "crypto.der.indefinite"},
               {{0x30, 0x82, 0x01}, "crypto.der.length"},
               {{0x30, 0x85, 0, 0, 0, 0, 0}, "crypto.der.length"},
               {{0x1f, 0x01, 0x00}, "crypto.der.tag"}};
  for (const auto& c : cases) {
    DerReader in(c.input);
    const auto next = in.Next();
    ASSERT_FALSE(next) << c.id;
    EXPECT_EQ(next.error().id, c.id);
    EXPECT_EQ(in.rest().size(), c.input.size());
  }
  const Bytes number{0x02, 0x01, 0x05};
  DerReader in(number);
  EXPECT_FALSE(in.NextIf(kDerSequence));
  EXPECT_EQ(in.rest().size(), number.size());
  EXPECT_TRUE(in.NextIf(kDerInteger));
}

TEST(DerOidText, NumbersOfEverySize) {
  EXPECT_EQ(*DerOidText(Bytes{0x67, 0x81, 0x05, 0x08, 0x01}), "2.23.133.8.1");
  EXPECT_EQ(*DerOidText(Bytes{0x55, 0x1d, 0x11}), "2.5.29.17");
  EXPECT_EQ(*DerOidText(Bytes{0x2a, 0x86, 0x48}), "1.2.840");
  EXPECT_EQ(*DerOidText(Bytes{0x88, 0x37}), "2.999");
  EXPECT_FALSE(DerOidText({}));
  EXPECT_FALSE(DerOidText(Bytes{0x55, 0x9d}));
  EXPECT_FALSE(DerOidText(Bytes(11, 0xff)));
}

TEST(DerNumber, SmallNumbersOnly) {
  EXPECT_EQ(DerNumber(Bytes{0x00, 0xa4}), 164U);
  EXPECT_EQ(DerNumber(Bytes{0x7f}), 127U);
  EXPECT_FALSE(DerNumber({}));
  EXPECT_FALSE(DerNumber(Bytes{0x80}));
  EXPECT_FALSE(DerNumber(Bytes{0x01, 0, 0, 0, 0, 0, 0, 0, 0}));
}

std::optional<std::string> Text(std::uint8_t tag, const Bytes& content) {
  return DerText({.tag = tag, .content = content, .whole = {}, .minimal_length = true});
}

TEST(DerText, EveryStringType) {
  const Bytes ab{'a', 'b'};
  for (const std::uint8_t tag : Bytes{0x0c, 0x13, 0x14, 0x16, 0x1a}) EXPECT_EQ(Text(tag, ab), "ab");
  EXPECT_EQ(Text(0x1e, {0, 'a', 0x20, 0xac}), "a\u20ac");
  EXPECT_EQ(Text(0x1c, {0, 1, 0xf6, 0x00}), "\U0001f600");
  EXPECT_EQ(Text(0x14, {0xe9}), "\u00e9");
  EXPECT_FALSE(Text(0x0c, {0xe9}));
  EXPECT_FALSE(Text(0x13, {0xe9}));
  EXPECT_FALSE(Text(0x1e, {0, 'a', 0}));
  EXPECT_FALSE(Text(0x1e, {0xd8, 0x00}));
  EXPECT_FALSE(Text(0x1c, {0, 0x11, 0, 0}));
  EXPECT_FALSE(Text(kDerOctetString, ab));
}

}  // namespace
}  // namespace limequat::crypto
