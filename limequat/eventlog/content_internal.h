#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/event.h"
#include "limequat/json/value.h"

// What the files that describe contents share.
namespace limequat::eventlog {

// `text` safe to show, in full.
std::string ShownInFull(std::string_view text);

// Text in ASCII or UTF-8, or in UTF-16 if every other byte is zero, up to the NUL.
// Absent if it is neither.
std::optional<std::string> TextOf(ByteView data);

void Merge(json::Object& into, const json::Object& from);

// What EV_NO_ACTION says; nothing covers it.
json::Object DescribeNoAction(ByteView data);
// What an SPDM device says of itself; empty if it is not that.
json::Object DescribeSpdm(ByteView data);
// What Windows measures, alone or in an aggregation; nullopt if `data` is not that.
std::optional<json::Object> DescribeSipa(ByteView data);

bool IsVariable(EventType type);
// Of an event for which IsVariable holds; content.part is known.
void DescribeVariable(EventType type, ByteView data, Content& content);

}  // namespace limequat::eventlog
