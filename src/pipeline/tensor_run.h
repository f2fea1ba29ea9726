#pragma once
// One recipe on its way through a model without a forward pass: begin(), every write() in the order
// of the files, end(), publish(). Runs of several recipes take turns at a tensor (by_tensors.cc).

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/output_folder.h"
#include "base/usage.h"
#include "model/float_model.h"
#include "pipeline/journal.h"
#include "pipeline/quantize_model.h"
#include "save/saver.h"

namespace msmodelslim {

class TensorRun {
 public:
  // `job` and `model`, which the job names, must outlive the object. `steps`: the entries that
  // quantize linears, in order.
  TensorRun(const QuantJob& job, const FloatModel& model,
            const std::vector<const LinearQuantStep*>& steps);

  // Makes the folder at work, or goes on with what an unfinished run of the same command left.
  void begin();
  std::size_t next_tensor() const { return next_; }  // the first that is not done yet

  void write(std::size_t tensor);
  bool due() const { return !job_.debug && journal_->due(); }  // it is time to note what is done
  void note();
  void end_layer();  // for the report
  // Behind the last tensor: the rest of the folder.
  void end();
  void publish() { folder_->publish(); }
  // What was noted stays for the same command. False: nothing was.
  bool keep_folder();
  std::string working() const { return folder_->working(); }
  // `resumed_blocks`: layers that next_tensor() has left behind when the run began.
  QuantSummary summary(std::int64_t resumed_blocks);

 private:
  struct Work {
    const LinearSpec* linear = nullptr;
    const LinearQuantStep* step = nullptr;  // null: it stays float
  };

  double seconds() const;
  void resume();
  void write_linear(const Work& work);

  const QuantJob& job_;
  const CheckpointReader& checkpoint_;
  const ModelSpec& model_;
  std::map<std::string, Work> work_;  // by the name of the weight
  std::set<std::string> bias_;        // written with their linears
  std::size_t next_ = 0;
  std::int64_t quantized_ = 0;
  std::vector<LinearNote> notes_;
  RunNotes details_;
  std::vector<BlockTime> timeline_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  PeakWatch watch_;
  std::unique_ptr<OutputFolder> folder_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Saver> saver_;
};

}  // namespace msmodelslim
