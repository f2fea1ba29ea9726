#pragma once
// A model folder whose predictions on windows of a text are looked at.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/loaded_model.h"

namespace msmodelslim {

using Windows = std::vector<std::vector<std::int32_t>>;

inline constexpr std::int64_t kLogitRows = 128;  // so many rows of logits are held at once

// Consecutive windows of `seqlen` tokens, at most `most` of them (0: all that fit); a shorter text
// is one window. Throws DataError when there are fewer than two tokens.
Windows cut_windows(std::span<const std::int32_t> ids, std::int64_t seqlen, std::int64_t most);

class ScoredModel {
 public:
  explicit ScoredModel(const std::string& folder, const LoadOptions& options = {})
      : model_(folder, options) {}

  const ModelSpec& spec() const { return model_.spec(); }
  // Embeds the windows; run_block() for every block in turn makes the states those behind it.
  void begin(const Windows& windows);
  void run_block(std::size_t index);
  void run(const Windows& windows);  // all of it
  const PackedStates& states() const { return states_; }
  // Log-probabilities of rows [begin, begin + rows) of the packed windows, [rows, vocab].
  void log_probabilities(std::int64_t begin, std::int64_t rows, std::vector<float>& out);

 private:
  LoadedModel model_;
  std::vector<RopeTable> rope_;  // one, once begun
  Workspace workspace_;
  PackedStates states_;
};

}  // namespace msmodelslim
