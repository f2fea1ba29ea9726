#pragma once
// What the values of tensors are like, and how those of two tensors differ.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/reader.h"

namespace msmodelslim {

struct ValueSummary {
  double min = 0, max = 0;  // of finite values; zero when there are none
  double mean = 0, std = 0;
  std::int64_t zeros = 0;
  std::int64_t not_finite = 0;  // NaN or infinite
};
ValueSummary summarize(const TensorView& tensor);

struct ValueDifference {
  std::int64_t different = 0;  // values with other bytes
  double max = 0, mean = 0;    // of |a - b|; NaN when one of a pair is NaN
};
// Shapes must agree; dtypes may differ.
ValueDifference difference(const TensorView& a, const TensorView& b);

// The tensors of a model folder or of one safetensors file.
class TensorList {
 public:
  explicit TensorList(const std::string& path);
  struct Item {
    std::string name;
    TensorView view;
    std::string file;  // name without folder
  };
  const std::vector<Item>& items() const { return items_; }  // in the order of the files
  const Item* find(const std::string& name) const;
  std::uint64_t bytes() const;

 private:
  std::unique_ptr<CheckpointReader> folder_;
  std::unique_ptr<SafetensorsFile> file_;
  std::vector<Item> items_;
  std::map<std::string, std::size_t> place_;
};

// "model.layers.7.mlp.up_proj.weight" -> "model.layers.*.mlp.up_proj.weight"
std::string without_numbers(const std::string& name);

}  // namespace msmodelslim
