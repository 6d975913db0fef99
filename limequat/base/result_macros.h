#pragma once

// Statement macros for sources. They never appear in an installed header.

#include "limequat/base/result.h"

// Leaves the function with the error of `expression` (a Status or Result), if any.
#define LQ_RETURN_IF_ERROR(expression)               \
  do {                                               \
    if (auto lq_status = (expression); !lq_status) { \
      return std::move(lq_status).error();           \
    }                                                \
  } while (false)

#define LQ_CONCAT_INNER(a, b) a##b
#define LQ_CONCAT(a, b) LQ_CONCAT_INNER(a, b)

// Declares or assigns `target` from the Result `expression`, or leaves with its error.
#define LQ_ASSIGN_OR_RETURN(target, expression) \
  LQ_ASSIGN_OR_RETURN_INNER(LQ_CONCAT(lq_result_, __LINE__), target, expression)

#define LQ_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                 \
  if (!result) return std::move(result).error();              \
  target = *std::move(result)
