// Jinja: every feature as Jinja2 has it, the messages of errors, and what stops a bomb.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "text/jinja/template.h"

namespace msmodelslim::jinja {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string render(const std::string& source, const Json& variables = Json::object(),
                   const RenderOptions& options = {}) {
  return Template::parse(source, "t").render(variables, options);
}

// The message of the error, "" when there is none.
std::string error_of(const std::string& source, const Json& variables = Json::object(),
                     const RenderOptions& options = {}) {
  try {
    render(source, variables, options);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

// Recorded with tests/interop/jinja_language.py.
TEST(Jinja, LanguageIsThatOfJinja2) {
  const Json cases =
      read_json_file(MSMODELSLIM_SOURCE_DIR "/tests/unit/text/data/jinja_language.json");
  ASSERT_GT(cases.size(), 200U);
  for (const Json& one : cases) {
    const auto source = one.at("template").get<std::string>();
    if (one.contains("fails"))
      EXPECT_NE(error_of(source, one.at("variables")), "") << source;
    else
      EXPECT_EQ(render(source, one.at("variables")), one.at("text").get<std::string>()) << source;
  }
}

TEST(Jinja, SyntaxErrorsNameFileLineAndWhatWasExpected) {
  EXPECT_EQ(error_of("a\nb {{ x"), "t:2: expected '}}', found the end of the template");
  EXPECT_EQ(error_of("{% if x %}\n{% for y in z %}\n{% endif %}"),
            "t:3: the tag 'endif' is not supported here; expected {% else %} or {% endfor %}");
  EXPECT_EQ(error_of("{% if x %}a"),
            "t:1: expected {% elif %} or {% else %} or {% endif %}, found the end of the template");
  EXPECT_EQ(error_of("{{ (1] }}"), "t:1: unexpected ']', expected ')'");
  EXPECT_EQ(error_of("{{ 1 + }}"), "t:1: expected an expression, found '}}'");
  EXPECT_EQ(error_of("\n\n{{ 'x }}"), "t:3: the string has no end; expected '");
  EXPECT_EQ(error_of("{# x"), "t:1: the comment has no end; expected #}");
  EXPECT_EQ(error_of("{{ a ! b }}"), "t:1: unexpected character '!'");
  EXPECT_EQ(error_of("{% include 'x' %}"), "t:1: the tag 'include' is not supported here");
  EXPECT_EQ(error_of("{{ 9223372036854775808 }}"),
            "t:1: the number 9223372036854775808 is too large");
  EXPECT_THAT(error_of("\xff"), HasSubstr("not valid UTF-8"));
}

TEST(Jinja, ErrorsNameTheLineAndTheCulprit) {
  EXPECT_EQ(error_of("a\n{{ 1|shuffle }}"), "t:2: the filter 'shuffle' is not known");
  EXPECT_EQ(error_of("\n\n{{ 1 is shiny }}"), "t:3: the test 'shiny' is not known");
  EXPECT_EQ(error_of("{{ f(1) }}"), "t:1: 'f' is undefined");
  EXPECT_EQ(error_of("{{ m.role.name.x }}", {{"m", {{"role", "user"}}}}),
            "t:1: 'str object' has no attribute 'name'");
  EXPECT_EQ(error_of("{{ [].append(1) }}"),
            "t:1: the method 'append' changes a list, which templates must not do");
  EXPECT_EQ(error_of("{{ 'a' + 1 }}"),
            "t:1: the operator + does not fit values of type str and int");
  EXPECT_EQ(error_of("{{ 'a'|indent(width='b', depth=1) }}"),
            "t:1: the filter indent has no argument named 'depth'");
  EXPECT_EQ(error_of("{{ 'a'.split(1) }}"),
            "t:1: the argument 'sep' of split() must be a string, not of type int");
}

TEST(Jinja, RaisedMessagesComeAlone) {
  try {
    render("{% if true %}\n{{ raise_exception('Roles must alternate') }}{% endif %}");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "Roles must alternate");
    EXPECT_EQ(error.remedy(), "t:2 refuses the conversation");
  }
}

TEST(Jinja, IntegersHave64Bits) {
  for (const char* source :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
        "{{ 4294967296 * 4294967296 }}", "{{ 2 ** 63 }}", "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ '9223372036854775808'|int }}",
        "{{ 1e19|int }}"})
    EXPECT_THAT(error_of(source), HasSubstr("64 bits")) << source;
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }} {{ -(2 ** 62) * 2 }}"),
            "0 -9223372036854775808");
  EXPECT_THAT(error_of("{{ x }}", {{"x", 18446744073709551615ULL}}), HasSubstr("64 bits"));
}

TEST(Jinja, TimeIsTheOneGiven) {
  RenderOptions options;
  options.now = 1753000000;
  std::tm parts{};
  ::localtime_r(&*options.now, &parts);
  char expected[32];
  std::strftime(expected, sizeof expected, "%d %b %Y", &parts);
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y') }}", Json::object(), options), expected);
}

TEST(Jinja, BombsAreStopped) {
  RenderOptions small;
  small.limits = {.steps = 200'000, .bytes = 1 << 22, .output_bytes = 1 << 16};
  const std::string doubling =
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
      "{% endfor %}";
  const std::string nesting =
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}";
  for (const std::string& source :
       {std::string(
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        std::string("{% for a in range(9999) %}{{ 'aaaaaaaaaa' * 9 }}{% endfor %}"),
        std::string("{{ 'a' * 99999999999 }}"), std::string("{{ [0] * 9999999 }}"),
        std::string("{{ ' ' * 9223372036854775807 }}"), std::string("{{ ''.rjust(99999999999) }}"),
        std::string("{{ 'a\nb'|indent(999999999) }}"),
        std::string("{{ ('a' * 99999).replace('', 'b' * 99999) }}"), doubling,
        nesting + "{{ ns.x }}", nesting + "{{ ns.x|tojson }}",
        nesting + "{{ ns.x == [ns.x] }}{{ ns.x == ns.x }}", nesting + "{{ ns.x|string|length }}",
        nesting + "{{ [ns.x, ns.x]|unique|list|length }}"})
    EXPECT_THAT(
        error_of(source, Json::object(), small),
        testing::AnyOf(HasSubstr("was stopped"), HasSubstr("is too long"), HasSubstr("unhashable")))
        << source;
}

TEST(Jinja, DepthIsBounded) {
  const auto repeated = [](const std::string& part, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += part;
    return out;
  };
  EXPECT_EQ(render("{{ " + repeated("(", 40) + "1" + repeated(")", 40) + " }}"), "1");
  EXPECT_EQ(render("{{ 0" + repeated("+1", 400) + " }}"), "400");
  for (const std::string& source :
       {"{{ " + repeated("(", 9999) + "1" + repeated(")", 9999) + " }}",
        "{{ " + repeated("[", 9999) + repeated("]", 9999) + " }}",
        "{{ " + repeated("not ", 9999) + "1 }}", "{{ " + repeated("-", 9999) + "1 }}",
        "{{ 1" + repeated("+1", 9999) + " }}", "{{ x" + repeated(".x", 9999) + " }}",
        "{{ x" + repeated("|list", 9999) + " }}",
        "{% filter list" + repeated("|list(1)", 9999) + " %}{% endfilter %}",
        "{{ 1" + repeated(" if 1", 9999) + " }}", "{{ 1" + repeated(" if 1 else 1", 9999) + " }}",
        "{% for " + repeated("(", 9999) + "x" + repeated(")", 9999) + " in y %}{% endfor %}",
        repeated("{% if 1 %}", 9999) + repeated("{% endif %}", 9999),
        std::string("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        std::string("{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}"
                    "{% endfor %}")})
    EXPECT_THAT(error_of(source), testing::AnyOf(HasSubstr("deeper than"), HasSubstr("more than")))
        << source.substr(0, 60);
}

TEST(Jinja, ValuesThatHoldThemselvesAreFreed) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.me = ns %}{% set ns.l = [ns] %}"
                   "{% macro m() %}x{% endmacro %}{% set ns.m = m %}{{ ns.me.me.m() }}"),
            "x");
  EXPECT_THAT(error_of("{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}"
                       "{% endmacro %}{% set ns.m = m %}{% endfor %}{{ ns.m() }}"),
              HasSubstr("has ended"));
  EXPECT_EQ(render("{% set ns = namespace() %}{% for i in [1, 2] if i %}{% set ns.l = loop %}"
                   "{% endfor %}{{ ns.l.last }}"),
            "True");
}

TEST(Jinja, NothingOutsideCanBeReached) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ range.__globals__.x }}", "{{ self.x }}",
        "{{ lipsum.__globals__ }}", "{{ cycler.x }}", "{{ namespace.__init__.x }}"})
    EXPECT_NE(error_of(source), "") << source;
  EXPECT_EQ(render("{{ ''.__class__ }}{{ [].__len__ }}"), "");
}

}  // namespace
}  // namespace msmodelslim::jinja
