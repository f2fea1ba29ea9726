// YAML 1.1 types of plain scalars, with the exact patterns of PyYAML's resolver.

#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "recipe/yaml_value.h"

namespace msmodelslim {
namespace {

constexpr std::array<std::string_view, 9> kTrue = {"yes",  "Yes", "YES", "true", "True",
                                                   "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 9> kFalse = {"no",    "No",  "NO",  "false", "False",
                                                    "FALSE", "off", "Off", "OFF"};

template <typename Words>
bool contains(const Words& words, std::string_view text) {
  for (std::string_view word : words)
    if (word == text) return true;
  return false;
}

// Walks over a scalar; each step says whether it could be taken.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ == text_.size(); }
  bool one(std::string_view set) {
    if (at_end() || set.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }
  // Between `least` and `most` characters of the set, as many as there are.
  bool run(std::string_view set, int least, int most = std::numeric_limits<int>::max()) {
    int count = 0;
    while (count < most && one(set)) ++count;
    return count >= least;
  }
  // (:[0-5]?[0-9])+
  bool sixties() {
    int groups = 0;
    for (std::size_t back = at_; one(":"); back = at_, ++groups) {
      const std::size_t digits = at_;
      if (!(one("012345") && one(kDigits))) {
        at_ = digits;
        if (!one(kDigits)) {
          at_ = back;
          break;
        }
      }
    }
    return groups > 0;
  }

  static constexpr std::string_view kDigits = "0123456789";

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

constexpr std::string_view kDigits = Scan::kDigits;
constexpr std::string_view kDigitsAndBar = "0123456789_";

bool is_int(std::string_view text) {
  Scan scan(text);
  scan.one("+-");
  if (scan.word("0b")) return scan.run("01_", 1) && scan.at_end();
  if (scan.word("0x")) return scan.run("0123456789abcdefABCDEF_", 1) && scan.at_end();
  if (scan.word("0")) return scan.run("01234567_", 0) && scan.at_end();
  if (!scan.one("123456789") || !scan.run(kDigitsAndBar, 0)) return false;
  scan.sixties();
  return scan.at_end();
}

bool is_float(std::string_view text) {
  Scan scan(text);
  if (scan.word(".nan") || scan.word(".NaN") || scan.word(".NAN")) return scan.at_end();
  const bool sign = scan.one("+-");
  if (scan.word(".inf") || scan.word(".Inf") || scan.word(".INF")) return scan.at_end();
  bool exponent_allowed = true;
  if (scan.one(kDigits)) {
    scan.run(kDigitsAndBar, 0);
    exponent_allowed = !scan.sixties();
    if (!scan.one(".")) return false;
    scan.run(kDigitsAndBar, 0);
  } else if (sign || !scan.one(".") || !scan.one(kDigits)) {
    return false;
  } else {
    scan.run(kDigitsAndBar, 0);
  }
  if (exponent_allowed && scan.one("eE"))
    return scan.one("+-") && scan.run(kDigits, 1) && scan.at_end();
  return scan.at_end();
}

bool is_time(std::string_view text) {
  if (text.size() == 10) {  // date alone
    Scan date(text);
    if (date.run(kDigits, 4, 4) && date.one("-") && date.run(kDigits, 2, 2) && date.one("-") &&
        date.run(kDigits, 2, 2) && date.at_end())
      return true;
  }
  Scan scan(text);
  if (!(scan.run(kDigits, 4, 4) && scan.one("-") && scan.run(kDigits, 1, 2) && scan.one("-") &&
        scan.run(kDigits, 1, 2)))
    return false;
  if (!scan.one("Tt") && !scan.run(" \t", 1)) return false;
  if (!(scan.run(kDigits, 1, 2) && scan.one(":") && scan.run(kDigits, 2, 2) && scan.one(":") &&
        scan.run(kDigits, 2, 2)))
    return false;
  if (scan.one(".")) scan.run(kDigits, 0);
  scan.run(" \t", 0);
  if (scan.one("+-")) {
    if (!scan.run(kDigits, 1, 2)) return false;
    if (scan.one(":") && !scan.run(kDigits, 2, 2)) return false;
  } else {
    scan.one("Z");
  }
  return scan.at_end();
}

std::string without_underscores(const std::string& text) {
  std::string plain;
  for (char c : text)
    if (c != '_') plain += c;
  return plain;
}

// a:b:c in base 60.
double sexagesimal(std::string_view digits) {
  double value = 0;
  for (;;) {
    const std::size_t colon = digits.find(':');
    const std::string part(digits.substr(0, colon));
    value = value * 60 + std::strtod(part.c_str(), nullptr);
    if (colon == std::string_view::npos) return value;
    digits.remove_prefix(colon + 1);
  }
}

std::optional<std::int64_t> parse_digits(std::string_view digits, int base) {
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Nothing for an integer that does not fit 64 bits.
std::optional<std::int64_t> parse_int(const std::string& text) {
  std::string digits = without_underscores(text);
  const bool negative = digits[0] == '-';
  if (digits[0] == '-' || digits[0] == '+') digits.erase(0, 1);
  std::optional<std::int64_t> value;
  if (digits.find(':') != std::string::npos) {
    const double seconds = sexagesimal(digits);
    if (seconds < 9e15) value = static_cast<std::int64_t>(seconds);
  } else if (digits.starts_with("0b")) {
    value = parse_digits(std::string_view(digits).substr(2), 2);
  } else if (digits.starts_with("0x")) {
    value = parse_digits(std::string_view(digits).substr(2), 16);
  } else if (digits.size() > 1 && digits[0] == '0') {
    value = parse_digits(digits, 8);
  } else {
    value = parse_digits(digits, 10);
  }
  if (value && negative) value = -*value;
  return value;
}

double parse_float(const std::string& text) {
  std::string digits = without_underscores(text);
  const double sign = digits[0] == '-' ? -1 : 1;
  if (digits[0] == '-' || digits[0] == '+') digits.erase(0, 1);
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF")
    return sign * std::numeric_limits<double>::infinity();
  if (digits == ".nan" || digits == ".NaN" || digits == ".NAN")
    return std::numeric_limits<double>::quiet_NaN();
  if (digits.find(':') != std::string::npos) return sign * sexagesimal(digits);
  return sign * std::strtod(digits.c_str(), nullptr);
}

}  // namespace

YamlValue resolve_plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (contains(kTrue, text)) return YamlValue::of_bool(true);
  if (contains(kFalse, text)) return YamlValue::of_bool(false);
  constexpr std::size_t kLongestNumber = 100;
  const bool number = std::string_view("+-.0123456789").find(text[0]) != std::string_view::npos;
  if (number && text.size() <= kLongestNumber) {
    if (is_float(text)) return YamlValue::of_real(parse_float(text));
    if (is_int(text)) {
      if (const auto value = parse_int(text)) return YamlValue::of_int(*value);
    }
    if (is_time(text)) {
      YamlValue time = YamlValue::of_text(text);
      time.kind = YamlValue::Kind::kTime;
      return time;
    }
  }
  return YamlValue::of_text(text);
}

}  // namespace msmodelslim
