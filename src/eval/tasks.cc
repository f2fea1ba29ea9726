#include "eval/tasks.h"

#include <fmt/format.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "eval/ceval_subjects.h"

namespace msmodelslim {
namespace {

// The fields of one line, whose place errors name.
struct Line {
  const Json& json;
  const std::string& where;

  [[noreturn]] void wrong(const std::string& field, const char* expected) const {
    throw DataError(fmt::format("{}: \"{}\" is missing or not {}", where, field, expected),
                    "see docs/eval.md for the fields of each task");
  }
  std::string text(const std::string& field) const {
    const auto it = json.find(field);
    if (it == json.end() || !it->is_string()) wrong(field, "a text");
    return it->get<std::string>();
  }
  std::vector<std::string> texts(const std::string& field, std::size_t count) const {
    const auto it = json.find(field);
    std::vector<std::string> values;
    if (it != json.end() && it->is_array())
      for (const Json& value : *it)
        if (value.is_string()) values.push_back(value.get<std::string>());
    if (values.size() != count) wrong(field, fmt::format("a list of {} texts", count).c_str());
    return values;
  }
  // A number below `count`, also written as text.
  std::size_t index(const std::string& field, std::size_t count) const {
    const auto it = json.find(field);
    std::int64_t value = -1;
    if (it != json.end() && it->is_number_integer()) value = it->get<std::int64_t>();
    if (it != json.end() && it->is_string() && it->get<std::string>().size() == 1)
      value = it->get<std::string>()[0] - '0';
    if (value < 0 || value >= static_cast<std::int64_t>(count))
      wrong(field, "the number of a choice");
    return static_cast<std::size_t>(value);
  }
};

std::string strip(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r\f\v");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\n\r\f\v") + 1 - begin);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// First letter large, all others small.
std::string capitalized(const std::string& text) {
  icu::UnicodeString all = icu::UnicodeString::fromUTF8(text).toLower();
  const std::int32_t end = all.moveIndex32(0, 1);
  icu::UnicodeString first(all, 0, end);
  std::string out;
  (first.toTitle(nullptr) + all.tempSubString(end)).toUTF8String(out);
  return out;
}

// Drops WikiHow's marks.
std::string hellaswag_text(const std::string& raw) {
  std::string text = replaced(strip(raw), " [title]", ". ");
  for (std::size_t open = text.find('['); open != std::string::npos; open = text.find('[', open)) {
    const std::size_t end = text.find_first_of("]\n", open);
    if (end != std::string::npos && text[end] == ']')
      text.erase(open, end + 1 - open);
    else
      ++open;
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == ' ' && i + 1 < text.size() && text[i + 1] == ' ') ++i;
  }
  return out;
}

Question hellaswag(const Line& line) {
  Question question;
  question.text = hellaswag_text(line.text("activity_label") + ": " + line.text("ctx_a") + " " +
                                 capitalized(line.text("ctx_b")));
  for (const std::string& ending : line.texts("endings", 4))
    question.choices.push_back(hellaswag_text(ending));
  question.gold = line.index("label", 4);
  return question;
}

Question boolq(const Line& line) {
  Question question;
  question.text = line.text("passage") + "\nQuestion: " + line.text("question") + "?\nAnswer:";
  question.choices = {"no", "yes"};
  const auto answer = line.json.find("answer");
  question.gold = answer != line.json.end() && answer->is_boolean()
                      ? static_cast<std::size_t>(answer->get<bool>())
                      : line.index("label", 2);
  return question;
}

Question gsm8k(const Line& line) {
  Question question;
  question.text = "Question: " + line.text("question") + "\nAnswer:";
  question.answer = line.text("answer");
  return question;
}

Question letters(const std::string& text, const std::vector<std::string>& choices,
                 const char* answer) {
  Question question;
  question.text = strip(text);
  for (std::size_t i = 0; i < 4; ++i)
    question.text += fmt::format("\n{}. {}", "ABCD"[i], choices[i]);
  question.text += answer;
  question.choices = {"A", "B", "C", "D"};
  return question;
}

Question mmlu(const Line& line) {
  Question question = letters(line.text("question"), line.texts("choices", 4), "\nAnswer:");
  question.gold = line.index("answer", 4);
  question.subject = line.text("subject");
  return question;
}

Question ceval(const Line& line) {
  Question question =
      letters(line.text("question"),
              {line.text("A"), line.text("B"), line.text("C"), line.text("D")}, "\n答案：");
  const std::string answer = line.text("answer");
  if (answer.size() != 1 || answer[0] < 'A' || answer[0] > 'D')
    line.wrong("answer", "A, B, C or D");
  question.gold = static_cast<std::size_t>(answer[0] - 'A');
  question.subject = line.text("subject");
  return question;
}

struct Entry {
  Task task;
  std::function<Question(const Line&)> read;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {{{"hellaswag", 0, true, true}, hellaswag},
                                         {{"boolq", 0, true, false}, boolq},
                                         {{"gsm8k", 5, true, false}, gsm8k},
                                         {{"mmlu", 0, false, false}, mmlu},
                                         {{"ceval", 0, false, false}, ceval}};
  return all;
}

const Entry& entry_of(const std::string& name) {
  return *std::find_if(entries().begin(), entries().end(),
                       [&](const Entry& entry) { return entry.task.name == name; });
}

// llama.cpp's form of HellaSwag: six lines a question: context, right ending, four endings.
std::vector<Question> read_six_lines(const std::string& path) {
  std::istringstream lines(read_file(path));
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  if (all.empty() || all.size() % 6 != 0)
    throw DataError(fmt::format("{} has {} lines, expected six a question", path, all.size()),
                    "take the file again");
  std::vector<Question> questions;
  for (std::size_t i = 0; i < all.size(); i += 6) {
    Question question;
    question.text = hellaswag_text(all[i]);
    for (std::size_t c = 2; c < 6; ++c) question.choices.push_back(hellaswag_text(all[i + c]));
    if (all[i + 1].size() != 1 || all[i + 1][0] < '0' || all[i + 1][0] > '3')
      throw DataError(fmt::format("{}:{}: expected the number of the right ending, found \"{}\"",
                                  path, i + 2, all[i + 1]),
                      "take the file again");
    question.gold = static_cast<std::size_t>(all[i + 1][0] - '0');
    questions.push_back(std::move(question));
  }
  return questions;
}

bool in_number(char c) { return c == '$' || c == '.' || c == ',' || (c >= '0' && c <= '9'); }

std::string compared(std::string text) {
  std::erase(text, ',');
  std::erase(text, '$');
  if (const std::size_t mark = text.rfind("#### "); mark != std::string::npos)
    text.erase(0, mark + 5);
  if (text.ends_with('.')) text.pop_back();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

std::optional<Task> find_task(const std::string& name) {
  for (const Entry& entry : entries())
    if (entry.task.name == name) return entry.task;
  return std::nullopt;
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) names.push_back(entry.task.name);
  return names;
}

std::vector<Question> read_questions(const Task& task, const std::string& path) {
  std::vector<Question> questions;
  if (task.name == "hellaswag" && path.ends_with(".txt")) {
    questions = read_six_lines(path);
  } else {
    std::istringstream lines(read_file(path));
    std::string text;
    for (int number = 1; std::getline(lines, text); ++number) {
      if (strip(text).empty()) continue;
      const std::string where = fmt::format("{}:{}", path, number);
      const Json json = parse_json(text, where);
      if (!json.is_object())
        throw DataError(where + " is no JSON object",
                        "see docs/eval.md for the fields of each task");
      questions.push_back(entry_of(task.name).read({json, where}));
    }
  }
  if (questions.empty()) throw DataError(path + " holds no question", "see docs/eval.md");
  for (Question& question : questions)
    if (!question.choices.empty()) question.answer = question.choices[question.gold];
  return questions;
}

std::string description(const Task& task, const std::string& subject) {
  if (task.name == "mmlu")
    return fmt::format("The following are multiple choice questions (with answers) about {}.\n\n",
                       replaced(subject, "_", " "));
  if (task.name == "ceval")
    return fmt::format("以下是中国关于{}的单项选择题，请选出其中的正确答案。\n\n",
                       ceval_subject(subject));
  return "";
}

std::string gsm8k_number(const std::string& text, bool strict) {
  if (strict) {
    for (std::size_t at = text.find("#### "); at != std::string::npos;
         at = text.find("#### ", at + 1)) {
      std::size_t end = at + 5;
      if (end < text.size() && text[end] == '-') ++end;
      const std::size_t digits = end;
      while (end < text.size() && in_number(text[end]) && text[end] != '$') ++end;
      if (end > digits) return text.substr(at + 5, end - at - 5);
    }
    return "[invalid]";
  }
  std::string last;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    std::size_t end = at + (text[at] == '-' ? 1 : 0);
    const std::size_t first = end;
    while (end < text.size() && in_number(text[end])) ++end;
    const bool digit = end - first == 1 && text[first] >= '0' && text[first] <= '9';
    if (end - first >= 2 || digit) {
      last = text.substr(begin, end - begin);
      at = end;
    } else {
      at = begin + 1;
    }
  }
  return last.empty() ? "[invalid]" : last;
}

bool gsm8k_equal(const std::string& number, const std::string& gold) {
  return compared(strip(number)) == compared(gold);
}

}  // namespace msmodelslim
