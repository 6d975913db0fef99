#include "limequat/sql/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::sql {
namespace {

using testing::HasSubstr;

Row Sample() {
  return Row({std::monostate(), std::int64_t{-5}, 2.5, std::string("five"), Bytes{0, 255}});
}

TEST(Row, GivesEachTypeAsItself) {
  const Row row = Sample();
  EXPECT_EQ(row.size(), 5U);
  EXPECT_TRUE(row.IsNull(0));
  EXPECT_FALSE(row.IsNull(1));
  EXPECT_EQ(row.Int(1).value(), -5);
  EXPECT_EQ(row.Text(3).value(), "five");
  EXPECT_EQ(row.Blob(4).value(), (Bytes{0, 255}));
}

TEST(Row, ConvertsNothing) {
  const Row row = Sample();
  for (std::size_t column = 0; column < row.size(); ++column) {
    const auto number = row.Int(column);
    const auto text = row.Text(column);
    const auto bytes = row.Blob(column);
    EXPECT_EQ(number.has_value(), column == 1) << column;
    EXPECT_EQ(text.has_value(), column == 3) << column;
    EXPECT_EQ(bytes.has_value(), column == 4) << column;
    if (!number) {
      EXPECT_EQ(number.error().code, ErrorCode::kInternal);
      EXPECT_EQ(number.error().id, "sql.column");
    }
  }
  EXPECT_THAT(row.Int(3).error().message,
              HasSubstr("column 3 holds text, but an integer is expected"));
}

TEST(Row, RefusesAColumnThatIsNotThere) {
  const Row row = Sample();
  EXPECT_EQ(row.Int(5).error().id, "sql.column");
  EXPECT_EQ(row.OptionalInt(5).error().id, "sql.column");
  EXPECT_FALSE(row.IsNull(5));
}

TEST(Row, OptionalIsEmptyForNullOnly) {
  const Row row = Sample();
  EXPECT_EQ(row.OptionalInt(0).value(), std::nullopt);
  EXPECT_EQ(row.OptionalInt(1).value(), -5);
  EXPECT_EQ(row.OptionalText(0).value(), std::nullopt);
  EXPECT_EQ(row.OptionalText(3).value(), "five");
  EXPECT_EQ(row.OptionalInt(3).error().id, "sql.column");
  EXPECT_EQ(row.OptionalText(1).error().id, "sql.column");
}

}  // namespace
}  // namespace limequat::sql
