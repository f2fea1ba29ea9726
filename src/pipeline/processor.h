#pragma once
// One recipe entry at work on one block.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/debug_info.h"
#include "quantize/linear_quantizer.h"
#include "recipe/plan.h"
#include "save/saver.h"

namespace msmodelslim {

// What the entries have made of the block so far.
struct BlockState {
  Block* block = nullptr;
  const std::vector<Sequence>* samples = nullptr;                  // the calibration set
  std::map<std::string, std::unique_ptr<LinearQuantizer>> active;  // under calibration now
  std::map<std::string, QuantizedLinear> done;
  std::vector<ModuleTensor> extras;  // what the entries leave besides linears and norms
};

class Processor {
 public:
  virtual ~Processor() = default;
  virtual const char* name() const = 0;
  virtual bool needs_data() const = 0;
  // Before the forward pass; returns who wants to look on.
  virtual std::vector<Tap*> prepare(BlockState& state) = 0;
  // After it (or at once, when no data is needed).
  virtual void finish(BlockState& state) = 0;
};

struct ProcessorContext {
  const ModelSpec* model = nullptr;
  std::string pedigree;
  std::vector<Glob> exclude;   // --exclude: kept float whatever the recipe says
  DebugInfo* debug = nullptr;  // --debug: where to record
};

std::unique_ptr<Processor> make_processor(const Step& step, const Plan& plan,
                                          const ProcessorContext& context);

}  // namespace msmodelslim
