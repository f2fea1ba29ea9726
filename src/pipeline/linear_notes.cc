#include "pipeline/linear_notes.h"

namespace msmodelslim {

Json notes_json(const std::vector<LinearNote>& notes) {
  Json json = Json::array();
  for (const LinearNote& note : notes) {
    json.push_back({note.name, note.type});
    if (note.error) json.back().insert(json.back().end(), {note.error->snr_db, note.error->cosine});
  }
  return json;
}

std::vector<LinearNote> notes_from_json(const Json& json) {
  std::vector<LinearNote> notes;
  for (const Json& item : json) {
    notes.push_back({item.at(0), item.at(1), {}});
    if (item.size() > 2) notes.back().error = WeightError{item.at(2), item.at(3)};
  }
  return notes;
}

}  // namespace msmodelslim
