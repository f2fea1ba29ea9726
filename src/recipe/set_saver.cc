#include "recipe/recipe.h"

namespace msmodelslim {

void set_saver(Recipe* recipe, const std::string& saver) {
  if (recipe->apiversion == "modelslim_v0") return;
  YamlValue* save = nullptr;
  for (YamlValue::Entry& entry : recipe->spec.entries)
    if (entry.key == "save") save = &entry.value;
  const bool listed = save != nullptr && save->is(YamlValue::Kind::kList) && !save->items.empty();
  if (!listed) return;  // its reader reports what is wrong
  const YamlValue& first = save->items.front();
  const YamlValue* type = first.find("type");
  if (save->items.size() == 1 && type != nullptr && type->text == saver) return;
  YamlValue step = YamlValue::map();
  step.line = first.line;
  step.add("type", YamlValue::of_text(saver));
  if (const YamlValue* size = first.find("part_file_size")) step.add("part_file_size", *size);
  save->items = {step};
}

}  // namespace msmodelslim
