// Files of questions for `eval`: JSON lines, and HellaSwag as text. The first byte is the task's.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "eval/tasks.h"
#include "fuzz/scratch_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace msmodelslim;
  if (size == 0) return 0;
  static const ScratchFolder folder;
  static const std::vector<std::string> names = task_names();
  const std::size_t which = data[0] % (names.size() + 1);
  const bool as_text = which == names.size();
  const std::string file = as_text ? "questions.txt" : "questions.jsonl";
  folder.write(file, {reinterpret_cast<const char*>(data) + 1, size - 1});
  try {
    const Task task = *find_task(as_text ? "hellaswag" : names[which]);
    for (const Question& question : read_questions(task, folder.file(file))) {
      gsm8k_equal(gsm8k_number(question.answer, true), gsm8k_number(question.text, false));
      description(task, question.subject);
    }
  } catch (const Error&) {
  }
  return 0;
}
