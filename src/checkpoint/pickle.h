#pragma once
// Reads what torch.save pickles for a state dict: names, and where the values of each tensor lie.
// A pickle is a program; this one interprets only the instructions that make up dicts, lists,
// tuples, strings and numbers, and knows four names: OrderedDict, _rebuild_tensor_v2,
// _rebuild_parameter and the storage types. Nothing is imported or called. Anything else is refused
// by name.
//
// Source: the Python documentation of pickletools (protocols 2 to 5); torch/_utils.py,
// torch/serialization.py.

#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace msmodelslim {

// A tensor of the state dict: elements [offset, offset + count) of a storage.
struct PickledTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::string storage;      // its key: the file data/<key>
  std::int64_t offset = 0;  // in elements
  Shape shape;              // rows one after the other
};

// DataError names `where` and the instruction or name that is refused.
std::vector<PickledTensor> read_pickled_tensors(std::string_view pickle, const std::string& where);

}  // namespace msmodelslim
