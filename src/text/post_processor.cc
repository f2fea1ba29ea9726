#include "text/post_processor.h"

#include <string>

#include "base/error.h"
#include "text/vocabulary.h"

namespace msmodelslim {
namespace {

std::int32_t checked_id(const Component& component, const Json& id) {
  if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
      id.get<std::int64_t>() > Vocabulary::kMaxId)
    component.fail(fmt::format("{} is not a token id", id.dump()));
  return id.get<std::int32_t>();
}

// {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": ...}
PostProcessor read_template(const Component& component) {
  PostProcessor result;
  bool seen_text = false;
  for (const Component& piece : component.list("single")) {
    if (piece.find("Sequence") != nullptr) {
      if (seen_text || piece.child("Sequence").text("id") != "A")
        piece.unsupported("a template that does not hold the text exactly once");
      seen_text = true;
      continue;
    }
    const std::string name = piece.child("SpecialToken").text("id");
    const Component token = component.child("special_tokens").child(name.c_str());
    const Json* ids = token.find("ids");
    if (ids == nullptr || !ids->is_array()) token.fail("\"ids\" must be a list");
    for (const Json& id : *ids)
      (seen_text ? result.suffix : result.prefix).push_back(checked_id(token, id));
  }
  if (!seen_text) component.unsupported("a template without the text");
  return result;
}

// ["[SEP]", 102]
std::int32_t read_pair_id(const Component& component, const char* key) {
  const Json* pair = component.find(key);
  if (pair == nullptr || !pair->is_array() || pair->size() != 2)
    component.fail(fmt::format("\"{}\" must be a token and its id", key));
  return checked_id(component, (*pair)[1]);
}

PostProcessor read_sequence(const Component& component) {
  PostProcessor result;
  for (const Component& step : component.list("processors")) {
    const PostProcessor outer = make_post_processor(step);
    result.prefix.insert(result.prefix.begin(), outer.prefix.begin(), outer.prefix.end());
    result.suffix.insert(result.suffix.end(), outer.suffix.begin(), outer.suffix.end());
  }
  return result;
}

}  // namespace

PostProcessor make_post_processor(const Component& component) {
  const std::string& type = component.type();
  if (type == "ByteLevel") return {};  // changes offsets only
  if (type == "TemplateProcessing") return read_template(component);
  if (type == "RobertaProcessing" || type == "BertProcessing")
    return {{read_pair_id(component, "cls")}, {read_pair_id(component, "sep")}};
  if (type == "Sequence") return read_sequence(component);
  component.unsupported(fmt::format("the post-processor \"{}\"", type));
}

}  // namespace msmodelslim
