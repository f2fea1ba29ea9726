#include "pipeline/memory_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "checkpoint/shard_writer.h"
#include "forward/run.h"
#include "kernels/gemm.h"
#include "pipeline/head_quant.h"
#include "pipeline/shared_samples.h"

namespace msmodelslim {
namespace {

constexpr double kProgram = 60e6;  // code, tokenizer, tables, the library's buffers
constexpr double kFloat = sizeof(float);
constexpr const char* kWrites = "tensors to be written";
constexpr const char* kRotations = "rotations";
constexpr const char* kGathered = "statistics for others";

using Samples = std::vector<std::vector<std::int32_t>>;

double count(const LinearSpec& linear) {
  return static_cast<double>(linear.in) * static_cast<double>(linear.out);
}

double tokens_of(const Samples& samples) {
  double tokens = 0;
  for (const auto& sample : samples) tokens += static_cast<double>(sample.size());
  return tokens;
}

// Rows of the largest chunk, when one has `limit` rows.
double chunk_rows(const Samples& samples, std::int64_t limit = kChunkRows) {
  std::size_t longest = 0;
  for (const auto& sample : samples) longest = std::max(longest, sample.size());
  const double most = std::max(static_cast<double>(longest), static_cast<double>(limit));
  return std::min(tokens_of(samples), most);
}

// What the steps of a recipe keep beside the block.
struct Wishes {
  bool forward = false;             // the calibration set runs through the blocks
  bool changes_weights = false;     // smoothing and rotations
  bool multiplies_changed = false;  // as floats: bf16 products need rounded copies of them
  bool static_range = false;
  bool gptq = false;
  bool sparse = false;
  bool learns = false;
  bool learns_behind = false;
  bool flat = false;
  bool rotates = false;
  bool low_rank = false;
  bool searches = false;
  std::int64_t search_rows = 0;  // that the searches look at
  bool all_rows = false;         // they look at all
  bool awq = false;
};

// Whether the calibration set runs through linears that the step leaves float until its end.
bool runs_floats(const Step& step) {
  const auto* linear = std::get_if<LinearQuantStep>(&step.value);
  return needs_data(step) && (linear == nullptr || linear->weight.method == "gptq");
}

// `rows` 0: all.
void add_search(std::int64_t rows, Wishes& wishes) {
  wishes.searches = true;
  wishes.all_rows |= rows == 0;
  wishes.search_rows = std::max(wishes.search_rows, rows);
}

void add_step(const Step& step, Wishes& wishes) {
  wishes.forward |= needs_data(step);
  wishes.multiplies_changed |= wishes.changes_weights && runs_floats(step);
  if (const auto* linear = std::get_if<LinearQuantStep>(&step.value)) {
    wishes.static_range |= linear->act.scope == "per_tensor" || linear->act.scope == "pd_mix";
    wishes.gptq |= linear->weight.method == "gptq";
  } else if (const auto* smooth = std::get_if<SmoothStep>(&step.value)) {
    wishes.changes_weights = true;
    if (smooth->kind == SmoothKind::kFlexSmoothQuant || smooth->kind == SmoothKind::kFlexAwqSsz)
      add_search(smooth->search_rows, wishes);
  } else if (const auto* awq = std::get_if<AwqStep>(&step.value)) {
    wishes.changes_weights = wishes.awq = true;
    add_search(awq->search_rows, wishes);
  } else if (std::holds_alternative<QuaRotStep>(step.value)) {
    wishes.changes_weights = wishes.rotates = true;
  } else if (const auto* learned = std::get_if<AutoroundStep>(&step.value)) {
    wishes.learns = true;
    wishes.learns_behind |= learned->quantized_inputs;
  } else if (std::holds_alternative<FlatQuantStep>(step.value)) {
    wishes.learns = wishes.flat = true;
  } else if (std::holds_alternative<FloatSparseStep>(step.value)) {
    wishes.sparse = true;
  } else if (std::holds_alternative<SvdResidualStep>(step.value)) {
    wishes.low_rank = true;
  } else if (const auto* group = std::get_if<GroupStep>(&step.value)) {
    for (const Step& child : group->steps) add_step(child, wishes);
  }
}

// Sizes of a block, in values.
struct BlockSize {
  double weights = 0;         // of all linears but experts
  double packed = 0;          // of those that a calibration pass packs
  double experts = 0;         // of all experts
  double expert = 0;          // of the largest one
  double largest = 0;         // linear
  double widest_in = 0;       // of a linear
  double widest_out = 0;      // of a linear
  double row = 0;             // what the workspace holds of one row
  double inputs = 0;          // values of a row in inputs that linears share
  double inputs_squared = 0;  // over inputs that linears share
  double widest_squared = 0;
  double widest_group = 0;  // outputs of linears that share an input
};

BlockSize size_of(const BlockSpec& block, const ModelSpec& model) {
  BlockSize size;
  std::set<std::string> experts;
  if (block.moe)
    for (const MlpSpec& expert : block.moe->experts) {
      double weights = 0;
      for (const LinearSpec* linear : expert.linears()) {
        experts.insert(linear->name);
        weights += count(*linear);
      }
      size.experts += weights;
      size.expert = std::max(size.expert, weights);
    }
  std::set<std::string> seen;
  std::map<std::string, double> group_outputs;
  double outputs = 0;
  double expert_outputs = 0;
  for (const LinearSpec* linear : block.linears()) {
    const auto in = static_cast<double>(linear->in);
    const auto out = static_cast<double>(linear->out);
    size.largest = std::max(size.largest, count(*linear));
    size.widest_in = std::max(size.widest_in, in);
    size.widest_out = std::max(size.widest_out, out);
    if (experts.count(linear->name) > 0) {
      expert_outputs = std::max(expert_outputs, out);
    } else {
      size.weights += count(*linear);
      if (!block.moe && FloatLinearOp::packs(*linear)) size.packed += count(*linear);
      outputs += out;
      double& group = group_outputs[linear->group.empty() ? linear->name : linear->group];
      size.widest_group = std::max(size.widest_group, group += out);
    }
    if (seen.insert(linear->group.empty() ? linear->name : linear->group).second) {
      const bool expert = experts.count(linear->name) > 0;
      size.inputs += expert ? in * static_cast<double>(block.moe->per_token) /
                                  static_cast<double>(block.moe->experts.size())
                            : in;
      size.inputs_squared += in * in;
      size.widest_squared = std::max(size.widest_squared, in * in);
    }
  }
  // norm, residual, part; attention; gate, up and what the router gathers of one expert.
  size.row = 4 * static_cast<double>(model.hidden) +
             2 * static_cast<double>(model.stream - model.hidden) +
             static_cast<double>(block.heads * std::max(model.head_dim, std::int64_t{1})) +
             outputs + (block.moe ? 3 * expert_outputs + 2 * static_cast<double>(model.hidden) : 0);
  if (block.mla)
    size.row += static_cast<double>(model.heads * (block.mla->nope + block.mla->rope) * 2 +
                                    model.heads * block.mla->value);
  if (block.entries) {
    const EntryAttentionSpec& entries = *block.entries;
    size.weights += count(entries.out_a);
    size.row += static_cast<double>(model.heads * model.head_dim + entries.out_a.in +
                                    entries.out_a.out + 2 * model.head_dim);
  }
  if (block.delta)
    size.row += static_cast<double>(2 * block.delta->conv_width() + block.delta->value_width());
  return size;
}

class Planner {
 public:
  Planner(const QuantJob& job, const ModelSpec& model) : job_(job), model_(model) {
    for (const Step& step : job.plan.steps) add_step(step, wishes_);
    for (const BlockSpec& block : model.blocks) {
      const BlockSize size = size_of(block, model);
      const auto take = [](double& most, double value) { most = std::max(most, value); };
      take(most_.weights, size.weights);
      take(most_.packed, size.packed);
      take(most_.experts, size.experts);
      take(most_.expert, size.expert);
      take(most_.largest, size.largest);
      take(most_.widest_in, size.widest_in);
      take(most_.widest_out, size.widest_out);
      take(most_.row, size.row);
      take(most_.inputs, size.inputs);
      take(most_.inputs_squared, size.inputs_squared);
      take(most_.widest_squared, size.widest_squared);
      take(most_.widest_group, size.widest_group);
      all_weights_ += size.weights + size.experts;
    }
    for (const LinearSpec& linear : model.loose) {
      most_.largest = std::max(most_.largest, count(linear));
      all_weights_ += count(linear);
    }
  }

  GatheredSize gathered() const {
    GatheredSize size;
    for (const BlockSpec& spec : model_.blocks) {
      const BlockSize block = size_of(spec, model_);
      constexpr double kRanges = 6;  // values of a channel, or of what a linear shows as a whole
      double values = kRanges * block.inputs + 2 * static_cast<double>(spec.linears().size());
      if (wishes_.gptq || wishes_.sparse) values += 0.5 * block.inputs_squared + block.inputs;
      if (wishes_.searches) values += block.inputs * search_rows();
      const auto bytes = static_cast<std::uint64_t>(kFloat * values);
      size.block = std::max(size.block, bytes);
      size.all += bytes;
    }
    return size;
  }

  MemoryPlan plan() {
    add("program", kProgram);
    add_writes();
    add_block();
    add_activations();
    add_choices();
    add_shared_samples();
    add_algorithms();
    add_gathered();
    add_ends();
    plan_.states = static_cast<std::uint64_t>(states());
    return std::move(plan_);
  }

 private:
  void add(const std::string& name, double bytes) {
    if (bytes > 0) plan_.items.push_back({name, static_cast<std::uint64_t>(bytes)});
  }

  double calibration_chunk() const {
    return chunk_rows(job_.samples,
                      job_.plan.v0 ? kChunkRows : chunk_rows_of(model_, job_.samples));
  }
  double search_rows() const {
    const double all = tokens_of(job_.samples);
    return wishes_.all_rows ? all : std::min(static_cast<double>(wishes_.search_rows), all);
  }
  bool passes() const { return wishes_.forward && !job_.no_passes; }
  bool runs_blocks() const { return passes() || !job_.held_out.empty(); }
  // Weights that are multiplied as fp32: they are mapped, not copied, when the file holds fp32.
  bool maps_weights() const { return model_.dtype == DType::kF32 && !wishes_.changes_weights; }

  // Finished linears that wait for the disk; a larger one waits alone.
  void add_writes() {
    const auto each = static_cast<double>(dtype_size(model_.dtype));
    const auto waiting = static_cast<double>(ShardWriter::kWaitingBytes);
    add(kWrites, std::min(each * all_weights_, std::max(waiting, each * most_.largest)));
  }

  void add_block() {
    // One linear is read, quantized and handed over.
    const double at_work = most_.largest * (kFloat + 2);
    double weights = 0;
    if (wishes_.forward || wishes_.changes_weights) {
      if (!maps_weights()) weights += kFloat * (most_.weights + most_.expert);
      // Rounded copies, which a pass keeps.
      if (wishes_.multiplies_changed && model_.dtype != DType::kF32)
        weights += kFloat * (most_.weights + most_.experts);
      // Those that calibration looks at stay, all experts of the block included.
      if (wishes_.gptq || wishes_.learns || wishes_.changes_weights)
        weights += kFloat * most_.experts;
    }
    if (wishes_.forward && model_.dtype == DType::kBF16) weights += 2 * most_.packed;
    if (runs_blocks() && model_.dtype == DType::kBF16)
      weights += 2 * std::min<double>(kPackedAtOnce, most_.weights + most_.expert);
    if (wishes_.forward && job_.int8_pass) weights += most_.weights + most_.experts + most_.largest;
    if (wishes_.forward && wishes_.static_range) weights += 1.25 * (most_.weights + most_.experts);
    add("weights of a block", std::max(at_work, weights));
  }

  void add_activations() {
    if (!runs_blocks()) return;
    double rows = 0;
    if (passes()) rows = std::max(calibration_chunk(), chunk_rows(job_.anti_samples));
    // The rounded or quantized input of a product and its sums come on top.
    const double row = most_.row + 2 * most_.widest_in + most_.widest_out;
    add("activations", kFloat * rows * row);
    if (job_.held_out.empty()) return;
    const double held = chunk_rows(job_.held_out);
    add("proof on held-out text",
        kFloat * (held * row + (wishes_.forward ? 1 : 2) * most_.largest));
  }

  // What the indexers of a set of samples have chosen for the blocks behind them: a bit for each
  // pair of tokens, of samples that are long enough for a choice.
  double choice_bytes(const Samples& samples) const {
    std::int64_t most = 0;
    for (const BlockSpec& block : model_.blocks)
      if (block.mla && block.mla->indexer) most = block.mla->indexer->most;
    double bits = 0;
    for (const auto& sample : samples) {
      const auto tokens = static_cast<double>(sample.size());
      if (static_cast<std::int64_t>(sample.size()) > most) bits += tokens * tokens;
    }
    return bits / 8;
  }

  // They stay in memory where the hidden states may go to a file.
  void add_choices() {
    if (!model_.shares_choices()) return;
    double bytes = 2 * choice_bytes(job_.held_out);
    if (wishes_.forward) {
      double copies = 1;
      if (wishes_.learns) copies += 1;
      if (wishes_.learns_behind) copies += 1;
      bytes += copies * choice_bytes(job_.samples);
    }
    if (job_.plan.v0)
      bytes += choice_bytes(job_.anti_samples.empty() ? job_.samples : job_.anti_samples);
    add("choices of indexers", bytes);
  }

  bool shares_samples() const {
    return !job_.ranks->alone() && wishes_.forward &&
           reason_for_whole_set(job_.plan, model_).empty();
  }

  // Of a rank's own samples: what waits until other ranks have it, and the chunks that stand side
  // by side in front of a static range.
  void add_shared_samples() {
    if (!shares_samples()) return;
    const double chunk = calibration_chunk();
    const double rows = tokens_of(job_.samples) / job_.ranks->size() + chunk;
    double values = 0;
    if (wishes_.gptq) values += rows * most_.inputs;
    if (wishes_.searches) values += (rows + 2 * chunk) * most_.inputs;
    if (wishes_.static_range) values += rows * most_.row;
    add("samples shared out", kFloat * values);
  }

  void add_algorithms() {
    const double weights = most_.weights + most_.experts;
    // Sums of all inputs and the factor of one; the codes of the block wait until it is written.
    if (wishes_.gptq)
      add("gptq", kFloat * (1.1 * most_.inputs_squared + 3 * most_.widest_squared) +
                      (wishes_.static_range ? 0 : 1.25 * weights));
    // The same sums, two matrices of one input, what a weight and its mask go through, and the
    // block as it will be written.
    if (wishes_.sparse)
      add("float_sparse",
          kFloat * (most_.inputs_squared + std::max(3 * most_.widest_squared,
                                                    2 * most_.widest_squared + 4 * most_.largest)) +
              static_cast<double>(dtype_size(model_.dtype)) * weights);
    if (wishes_.searches) add("search of scales", kFloat * search_values());
    if (wishes_.learns)
      add("learning", kFloat * (6 * (most_.weights + most_.experts) +
                                3 * chunk_rows(job_.samples) * most_.row));
    if (wishes_.rotates)
      add(kRotations, 2 * kFloat * static_cast<double>(model_.hidden * model_.hidden));
    if (wishes_.low_rank) add("low-rank branches", 4 * kFloat * most_.largest);
  }

  // Of the rows that are kept for a search, and of one group of linears at work.
  double search_values() const {
    constexpr double kPart = 1024;  // rows whose outputs are compared at once
    const double rows = search_rows();
    double values = rows * (most_.inputs + most_.widest_in + most_.widest_group) +
                    std::min(rows, kPart) * most_.widest_out + 2 * most_.largest;
    // The module's outputs twice, and its own workspace.
    if (wishes_.awq)
      values += 2 * rows * static_cast<double>(model_.hidden) + most_.largest +
                chunk_rows(job_.samples) * most_.row;
    return values;
  }

  // A second time: what the job itself is done with waits for others.
  void add_gathered() {
    if (job_.gathers) add(kGathered, static_cast<double>(gathered().block));
  }

  // Behind the last block; what the block needed is free then.
  void add_ends() {
    const auto vocab = static_cast<double>(model_.vocab);
    const auto hidden = static_cast<double>(model_.hidden);
    double ends = 0;
    if (wishes_.rotates) ends += vocab * hidden * static_cast<double>(dtype_size(model_.dtype));
    if (head_step(job_.plan, job_.exclude, model_) != nullptr)
      ends += vocab * hidden * (2 * kFloat + 1);
    if (!job_.held_out.empty())
      ends += 2 * kFloat * static_cast<double>(HeldOutStreams::kLogitRows) * vocab;
    double blocks = 0;
    for (const MemoryItem& item : plan_.items)
      if (item.name != "program" && item.name != kWrites) blocks += static_cast<double>(item.bytes);
    add("embedding and head", ends - blocks);
  }

  double states() const {
    const auto width = static_cast<double>(model_.stream);
    const double samples = passes() ? tokens_of(job_.samples) : 0;
    double copies = 1;
    if (wishes_.learns) copies += 1;
    if (wishes_.learns_behind) copies += 1;
    const bool mtp = std::any_of(model_.blocks.begin(), model_.blocks.end(),
                                 [](const BlockSpec& block) { return block.mtp.has_value(); });
    if (mtp) copies += 2;
    double all = copies * samples;
    if (shares_samples()) all /= job_.ranks->size();
    if (job_.plan.v0 && !job_.no_passes)
      all += tokens_of(job_.anti_samples.empty() ? job_.samples : job_.anti_samples);
    all += 3 * tokens_of(job_.held_out);
    for (const Samples& prior : job_.prior_samples) all = std::max(all, tokens_of(prior));
    return kFloat * width * all;
  }

  const QuantJob& job_;
  const ModelSpec& model_;
  Wishes wishes_;
  BlockSize most_;          // over all blocks
  double all_weights_ = 0;  // values
  MemoryPlan plan_;
};

}  // namespace

std::uint64_t MemoryPlan::needed(bool spilled) const {
  std::uint64_t sum = spilled ? 0 : states;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

std::string MemoryPlan::largest() const {
  std::vector<MemoryItem> sorted = items;
  std::sort(sorted.begin(), sorted.end(),
            [](const MemoryItem& a, const MemoryItem& b) { return a.bytes > b.bytes; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, sorted.size()); ++i)
    text += fmt::format("{}{} {:.2f} GB", i == 0 ? "" : ", ", sorted[i].name,
                        static_cast<double>(sorted[i].bytes) / 1e9);
  return text;
}

MemoryPlan plan_memory(const QuantJob& job, const ModelSpec& model) {
  return Planner(job, model).plan();
}

MemoryPlan plan_memory(const std::vector<QuantJob>& jobs, const ModelSpec& model) {
  MemoryPlan all;
  for (const QuantJob& job : jobs) {
    const MemoryPlan one = plan_memory(job, model);
    all.states += one.states;
    for (const MemoryItem& item : one.items) {
      const auto found = std::find_if(all.items.begin(), all.items.end(),
                                      [&](const auto& known) { return known.name == item.name; });
      const bool stays = item.name == kWrites || item.name == kRotations || item.name == kGathered;
      if (found == all.items.end())
        all.items.push_back(item);
      else
        found->bytes = stays ? found->bytes + item.bytes : std::max(found->bytes, item.bytes);
    }
  }
  return all;
}

GatheredSize gathered_size(const QuantJob& job, const ModelSpec& model) {
  return Planner(job, model).gathered();
}

}  // namespace msmodelslim
