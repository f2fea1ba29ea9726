#pragma once
// What --debug keeps: the choices of the processors, for a person who looks into a result.
//
//   debug_info/debug_info.json          {processor: [record, ...]}; a tensor is a reference
//                                       {"file": "debug_info.safetensors", "key": ...}
//   debug_info/debug_info.safetensors   the tensors

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tensor/tensor.h"

namespace msmodelslim {

class DebugInfo {
 public:
  // Adds `record` to the list of `processor`, with `values` as its tensor `name`.
  void add(const std::string& processor, Json record, const std::string& name,
           const std::vector<float>& values);
  // Makes `folder`/debug_info.
  void write(const std::string& folder) const;

 private:
  Json records_ = Json::object();
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

}  // namespace msmodelslim
