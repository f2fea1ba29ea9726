#pragma once
// "normalizer" of tokenizer.json: rewrites the text before it is cut into words.

#include <memory>
#include <string>

#include "text/component.h"

namespace msmodelslim {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string text) const = 0;
};

// Throws DataError that names the component for a type that is not supported.
std::unique_ptr<const Normalizer> make_normalizer(const Component& component);

}  // namespace msmodelslim
