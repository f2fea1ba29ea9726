#pragma once
// Keys of a config.json: null counts as absent.

#include "base/json.h"

namespace msmodelslim {

inline bool has_key(const Json& config, const char* key) {
  return config.contains(key) && !config.at(key).is_null();
}

// The value of `own` also stands under `usual`, unless something stands there.
inline void copy_key(Json& config, const char* usual, const char* own) {
  if (!has_key(config, usual) && has_key(config, own)) config[usual] = config.at(own);
}

}  // namespace msmodelslim
