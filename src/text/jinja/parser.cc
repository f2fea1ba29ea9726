#include "text/jinja/parser.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "text/jinja/expression_parser.h"

namespace msmodelslim::jinja {
namespace {

class Parser {
 public:
  explicit Parser(TokenStream tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Body parse_template();

 private:
  using Ends = std::vector<const char*>;

  Body parse_until(const Ends& ends);
  Body parse_block(const Ends& ends);
  Body parse_block_to_end(const char* end);
  bool at_end_tag(const Ends& ends) const;
  Statement parse_tag();
  Statement::Node parse_statement(const std::string& tag);
  Statement::Node parse_set();
  Statement::Node parse_if();
  Statement::Node parse_for();
  Statement::Node parse_control(bool is_break);
  Statement::Node parse_macro();
  Statement::Node parse_call();
  Statement::Node parse_filter();
  Statement::Node parse_with();
  Statement::Node parse_generation();
  void parse_signature(MacroDefinition& macro);
  Body parse_outside_of_loops(const char* end);

  TokenStream tokens_;
  ExpressionParser expressions_;
  std::vector<Ends> open_;  // the tags that the open blocks wait for, the innermost last
  int depth_ = 0;
  int loops_ = 0;  // around this place
};

std::string one_of(const std::vector<const char*>& tags) {
  std::string text;
  for (const char* tag : tags) text += fmt::format("{}{{% {} %}}", text.empty() ? "" : " or ", tag);
  return text;
}

Body Parser::parse_template() { return parse_until({}); }

bool Parser::at_end_tag(const Ends& ends) const {
  for (const char* end : ends)
    if (tokens_.at(TokenKind::kBlockBegin) && tokens_.following().is(TokenKind::kName, end))
      return true;
  return false;
}

// Stops at one of the end tags, behind its "{%".
Body Parser::parse_until(const Ends& ends) {
  Body body;
  while (!at_end_tag(ends)) {
    const int line = tokens_.current().line;
    if (tokens_.at(TokenKind::kText)) {
      body.push_back({Text{tokens_.take().text}, line});
    } else if (tokens_.at(TokenKind::kOutputBegin)) {
      tokens_.take();
      body.push_back({Output{expressions_.parse_tuple(/*with_condition=*/true)}, line});
      tokens_.expect(TokenKind::kOutputEnd);
    } else if (tokens_.at(TokenKind::kBlockBegin)) {
      tokens_.take();
      body.push_back(parse_tag());
      tokens_.expect(TokenKind::kBlockEnd);
    } else if (ends.empty()) {
      return body;
    } else {
      tokens_.fail_expected(one_of(ends));
    }
  }
  tokens_.take();
  return body;
}

// The rest of an opening tag, and the body behind it.
Body Parser::parse_block(const Ends& ends) {
  const Nesting nesting(depth_, tokens_);
  tokens_.skip_operator(":");
  tokens_.expect(TokenKind::kBlockEnd);
  open_.push_back(ends);
  Body body = parse_until(ends);
  open_.pop_back();
  return body;
}

Body Parser::parse_block_to_end(const char* end) {
  Body body = parse_block({end});
  tokens_.expect_name(end);
  return body;
}

Statement Parser::parse_tag() {
  const int line = tokens_.current().line;
  if (!tokens_.at(TokenKind::kName)) tokens_.fail_expected("the name of a tag");
  const std::string tag = tokens_.take().text;
  return {parse_statement(tag), line};
}

Statement::Node Parser::parse_statement(const std::string& tag) {
  if (tag == "set") return parse_set();
  if (tag == "if") return parse_if();
  if (tag == "for") return parse_for();
  if (tag == "break") return parse_control(/*is_break=*/true);
  if (tag == "continue") return parse_control(/*is_break=*/false);
  if (tag == "macro") return parse_macro();
  if (tag == "call") return parse_call();
  if (tag == "filter") return parse_filter();
  if (tag == "with") return parse_with();
  if (tag == "generation") return parse_generation();
  if (open_.empty()) tokens_.fail(fmt::format("the tag '{}' is not supported here", tag));
  tokens_.fail(
      fmt::format("the tag '{}' is not supported here; expected {}", tag, one_of(open_.back())));
}

Statement::Node Parser::parse_set() {
  Target target = expressions_.parse_target(/*with_attributes=*/true);
  if (tokens_.skip_operator("="))
    return Set{std::move(target), expressions_.parse_tuple(/*with_condition=*/true)};
  ExpressionPtr filter = expressions_.parse_filters(nullptr, /*is_open=*/false);
  return SetBlock{std::move(target), std::move(filter), parse_outside_of_loops("endset")};
}

Statement::Node Parser::parse_if() {
  If statement;
  for (;;) {
    ExpressionPtr test = expressions_.parse_tuple(/*with_condition=*/false);
    statement.branches.emplace_back(std::move(test), parse_block({"elif", "else", "endif"}));
    if (tokens_.skip_name("elif")) continue;
    if (tokens_.skip_name("else"))
      statement.otherwise = parse_block_to_end("endif");
    else
      tokens_.expect_name("endif");
    return statement;
  }
}

Statement::Node Parser::parse_for() {
  For loop;
  loop.target = expressions_.parse_target(/*with_attributes=*/false);
  tokens_.expect_name("in");
  loop.items = expressions_.parse_tuple(/*with_condition=*/false);
  if (tokens_.skip_name("if")) loop.test = expressions_.parse();
  if (tokens_.at_name("recursive")) tokens_.fail("recursive loops are not supported");
  ++loops_;
  loop.body = parse_block({"else", "endfor"});
  --loops_;
  if (tokens_.skip_name("else"))
    loop.otherwise = parse_block_to_end("endfor");
  else
    tokens_.expect_name("endfor");
  return loop;
}

Statement::Node Parser::parse_control(bool is_break) {
  if (loops_ == 0)
    tokens_.fail(
        fmt::format("'{}' has no loop around it in this block", is_break ? "break" : "continue"));
  return LoopControl{is_break};
}

// A block whose text is used as a value cannot be left in the middle.
Body Parser::parse_outside_of_loops(const char* end) {
  const int loops = std::exchange(loops_, 0);
  Body body = parse_block_to_end(end);
  loops_ = loops;
  return body;
}

void Parser::parse_signature(MacroDefinition& macro) {
  tokens_.expect_operator("(");
  while (!tokens_.skip_operator(")")) {
    MacroDefinition::Parameter parameter{tokens_.expect_any_name(), nullptr};
    if (tokens_.skip_operator("="))
      parameter.fallback = expressions_.parse();
    else if (!macro.parameters.empty() && macro.parameters.back().fallback)
      tokens_.fail("a parameter without a default stands behind one with a default");
    macro.parameters.push_back(std::move(parameter));
    if (!tokens_.at_operator(")")) tokens_.expect_operator(",");
  }
}

Statement::Node Parser::parse_macro() {
  MacroDefinition macro;
  macro.name = tokens_.expect_any_name();
  parse_signature(macro);
  macro.body = parse_outside_of_loops("endmacro");
  return macro;
}

Statement::Node Parser::parse_call() {
  CallBlock block;
  block.caller.name = "caller";
  if (tokens_.at_operator("(")) parse_signature(block.caller);
  block.call = expressions_.parse();
  if (!std::holds_alternative<Call>(block.call->node)) tokens_.fail_expected("a call of a macro");
  block.caller.body = parse_outside_of_loops("endcall");
  return block;
}

Statement::Node Parser::parse_filter() {
  ExpressionPtr filter = expressions_.parse_filters(nullptr, /*is_open=*/true);
  return FilterBlock{std::move(filter), parse_outside_of_loops("endfilter")};
}

Statement::Node Parser::parse_with() {
  With with;
  while (!tokens_.at(TokenKind::kBlockEnd)) {
    if (!with.values.empty()) tokens_.expect_operator(",");
    Target target = expressions_.parse_target(/*with_attributes=*/false);
    tokens_.expect_operator("=");
    with.values.emplace_back(std::move(target), expressions_.parse());
  }
  with.body = parse_block_to_end("endwith");
  return with;
}

// {% generation %} marks what the model wrote, for training; here it only holds its body.
Statement::Node Parser::parse_generation() {
  return With{{}, parse_outside_of_loops("endgeneration")};
}

}  // namespace

Body parse(std::string source) {
  return Parser(TokenStream(tokenize(std::move(source)))).parse_template();
}

}  // namespace msmodelslim::jinja
