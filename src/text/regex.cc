#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "text/utf8.h"

namespace msmodelslim {
namespace {

// Buffers that PCRE2 needs for a match; one set for each thread serves every pattern.
struct MatchBuffers {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, 16 << 20, nullptr);

  MatchBuffers() { pcre2_jit_stack_assign(context, nullptr, stack); }
  MatchBuffers(const MatchBuffers&) = delete;
  MatchBuffers& operator=(const MatchBuffers&) = delete;
  ~MatchBuffers() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};

MatchBuffers& match_buffers() {
  thread_local MatchBuffers buffers;
  return buffers;
}

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

Regex Regex::compile(std::string_view pattern, const std::string& where) {
  return Regex(translate_oniguruma(pattern, where), PCRE2_UCP | PCRE2_MULTILINE, where);
}

Regex Regex::literal(std::string_view text, const std::string& where) {
  return Regex(text, PCRE2_LITERAL, where);
}

Regex::Regex(std::string_view pattern, unsigned options, const std::string& where) : where_(where) {
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options | PCRE2_UTF, &error, &offset, context.get());
  if (code == nullptr)
    throw DataError(fmt::format("{}: the regular expression \"{}\" is not supported: {} at byte {}",
                                where, pattern, error_text(error), offset),
                    "give token ids (input_ids) instead of text");
  code_ = std::shared_ptr<pcre2_code>(code, pcre2_code_free);
  jit_ = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
}

bool Regex::find(std::string_view text, std::size_t from, std::size_t& begin,
                 std::size_t& end) const {
  MatchBuffers& buffers = match_buffers();
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int result = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit_)
    result = pcre2_jit_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                             buffers.data, buffers.context);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT)
    result = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         buffers.data, buffers.context);
  if (result == PCRE2_ERROR_NOMATCH) return false;
  if (result < 0)
    throw DataError(fmt::format("{}: the regular expression failed on a text of {} bytes: {}",
                                where_, text.size(), error_text(result)),
                    "give the text in shorter samples");
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(buffers.data);
  begin = range[0];
  end = range[1];
  return true;
}

void Regex::find_spans(std::string_view text, std::vector<Span>& spans) const {
  std::size_t covered = 0;  // end of the last span; also of the last match
  std::size_t from = 0;
  bool matched_before = false;
  std::size_t begin = 0;
  std::size_t end = 0;
  while (from <= text.size() && find(text, from, begin, end)) {
    if (begin >= end && matched_before && begin <= covered) {  // an empty match behind a match
      from += from < text.size() ? char_length(text[from]) : 1;
      continue;
    }
    if (begin > covered) spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = from = end;
    matched_before = true;
  }
  if (covered < text.size()) spans.push_back({covered, text.size(), false});
}

Regex read_pattern(const Component& component) {
  const Component pattern = component.child("pattern");
  if (const auto text = pattern.optional_text("String"))
    return Regex::literal(*text, component.where());
  return Regex::compile(pattern.text("Regex"), component.where());
}

}  // namespace msmodelslim
