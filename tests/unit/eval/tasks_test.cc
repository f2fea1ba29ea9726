#include "eval/tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace msmodelslim {
namespace {

class TasksTest : public testing::Test {
 protected:
  ~TasksTest() override { fs::remove(path_); }
  std::vector<Question> read(const std::string& task, const std::string& text,
                             const std::string& ending = ".jsonl") {
    path_ = temp_path("tasks") + ending;
    std::ofstream(path_) << text;
    return read_questions(find_task(task).value(), path_);
  }
  Question one(const std::string& task, std::string text) {
    std::erase(text, '\n');
    return read(task, text).at(0);
  }
  std::string path_;
};

TEST_F(TasksTest, Hellaswag) {
  const Question question = one(
      "hellaswag",
      R"({"activity_label": "Home and Garden", "ctx_a": "[header] How to sit [title] Find a chair.  Now",
          "ctx_b": "the Man", "endings": ["sits [substeps] down", " a  b", "c", "d"], "label": "1"})");
  EXPECT_EQ(question.text, "Home and Garden: How to sit. Find a chair. Now The man");
  EXPECT_THAT(question.choices, testing::ElementsAre("sits down", "a b", "c", "d"));
  EXPECT_EQ(question.gold, 1U);
}

TEST_F(TasksTest, HellaswagInSixLines) {
  const auto questions =
      read("hellaswag", "Roofs: A man. he\n3\na\nb\nc\nd\nMore: x\n0\ne\nf\ng\nh\n", ".txt");
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].text, "Roofs: A man. he");
  EXPECT_EQ(questions[0].answer, "d");
  EXPECT_EQ(questions[1].gold, 0U);
  EXPECT_THROW(read("hellaswag", "a\n1\nb\n", ".txt"), DataError);
  EXPECT_THROW(read("hellaswag", "a\n4\nb\nc\nd\ne\n", ".txt"), DataError);
}

TEST_F(TasksTest, Boolq) {
  const Question question =
      one("boolq", R"({"passage": "P.", "question": "is it", "answer": true})");
  EXPECT_EQ(question.text, "P.\nQuestion: is it?\nAnswer:");
  EXPECT_EQ(question.answer, "yes");
  EXPECT_EQ(one("boolq", R"({"passage": "P.", "question": "is it", "label": 0})").answer, "no");
}

TEST_F(TasksTest, Mmlu) {
  const Question question = one(
      "mmlu",
      R"({"question": " What? ", "choices": ["w", "x", "y", "z"], "answer": 2, "subject": "us_foreign_policy"})");
  EXPECT_EQ(question.text, "What?\nA. w\nB. x\nC. y\nD. z\nAnswer:");
  EXPECT_EQ(question.answer, "C");
  EXPECT_EQ(description(find_task("mmlu").value(), question.subject),
            "The following are multiple choice questions (with answers) about us foreign "
            "policy.\n\n");
}

TEST_F(TasksTest, Ceval) {
  const Question question = one(
      "ceval",
      R"({"question": "什么？", "A": "甲", "B": "乙", "C": "丙", "D": "丁", "answer": "B", "subject": "law"})");
  EXPECT_EQ(question.text, "什么？\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案：");
  EXPECT_EQ(question.answer, "B");
  EXPECT_EQ(description(find_task("ceval").value(), "law"),
            "以下是中国关于法学的单项选择题，请选出其中的正确答案。\n\n");
  EXPECT_THROW(description(find_task("ceval").value(), "magic"), DataError);
}

TEST_F(TasksTest, WrongLinesAreNamed) {
  for (const char* line :
       {R"({"question": "a"})", "[1]", "{", R"({"question": 1, "answer": "a"})"}) {
    try {
      read("gsm8k", std::string("{\"question\": \"q\", \"answer\": \"#### 1\"}\n\n") + line);
      ADD_FAILURE() << line;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(path_ + ":3")) << line;
    }
  }
  EXPECT_THROW(read("gsm8k", "\n"), DataError);
  EXPECT_THROW(one("mmlu", R"({"question": "q", "choices": ["a"], "answer": 0, "subject": "s"})"),
               DataError);
  EXPECT_FALSE(find_task("bleu"));
}

TEST(Gsm8k, Numbers) {
  const std::string text = "She makes 9 * 2 = $18 every day.\n#### 1,018.\nQ: 7";
  EXPECT_EQ(gsm8k_number(text, true), "1,018.");
  EXPECT_EQ(gsm8k_number(text, false), "7");
  EXPECT_EQ(gsm8k_number("costs -$5.", false), "-$5.");
  EXPECT_EQ(gsm8k_number("a -5 b", false), "-5");
  EXPECT_EQ(gsm8k_number("none", false), "[invalid]");
  EXPECT_EQ(gsm8k_number("#### x #### -3", true), "-3");
  EXPECT_EQ(gsm8k_number("18", true), "[invalid]");
}

TEST(Gsm8k, ComparesAsTheHarnessDoes) {
  const std::string gold = "He has <<16-3=13>>13 eggs.\n#### 1,018";
  EXPECT_TRUE(gsm8k_equal("1018.", gold));
  EXPECT_TRUE(gsm8k_equal("$1,018", gold));
  EXPECT_FALSE(gsm8k_equal("1018.0", gold));
  EXPECT_FALSE(gsm8k_equal("[invalid]", gold));
}

}  // namespace
}  // namespace msmodelslim
