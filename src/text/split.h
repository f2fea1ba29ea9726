#pragma once
// How a match divides a word: the five behaviours of the tokenizers library.

#include <string>
#include <vector>

#include "text/component.h"
#include "text/regex.h"

namespace msmodelslim {

enum class SplitBehavior {
  kRemoved,             // a match is dropped
  kIsolated,            // a match is a word of its own
  kMergedWithPrevious,  // a match ends the word before it
  kMergedWithNext,      // a match begins the word after it
  kContiguous,          // neighbouring matches become one word
};

SplitBehavior read_behavior(const Component& component, const char* key);

// Turns spans that cover a word into the words they make, in order. Empty ones may remain.
void apply_behavior(SplitBehavior behavior, std::vector<Span>& spans);

}  // namespace msmodelslim
