#pragma once
// Runs plans over a model, block by block, and publishes the output folders.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/glob.h"
#include "base/hash.h"
#include "base/ranks.h"
#include "checkpoint/reader.h"
#include "model/build.h"
#include "pipeline/held_out.h"
#include "pipeline/run_notes.h"
#include "pipeline/weight_error.h"
#include "recipe/plan.h"

namespace msmodelslim {

enum class ExpertFallback { kAllTokens, kNearest, kDynamic, kError };  // see expert_fallback.h

struct QuantJob {
  std::string model_path;
  std::string save_path;
  Plan plan;
  std::string pedigree = "default";                // decides which pairs smoothing may use
  std::vector<std::string> exclude;                // patterns kept float whatever the recipe says
  std::vector<std::vector<std::int32_t>> samples;  // token ids; empty for a data-free plan
  std::vector<std::vector<std::vector<std::int32_t>>>
      prior_samples;  // of each stage of plan.priors
  // For outlier suppression of a modelslim_v0 plan; empty: `samples`.
  std::vector<std::vector<std::int32_t>> anti_samples;
  // Token ids that prove the result on the way, see HeldOutStreams; empty: no such proof.
  std::vector<std::vector<std::int32_t>> held_out;
  int layers = 0;         // only so many first blocks are quantized and written; 0: all
  bool read_back = true;  // the finished folder is read again and checked
  bool overwrite = false;
  ExpertFallback expert_fallback = ExpertFallback::kAllTokens;
  std::int64_t expert_min_tokens = 1;  // experts with fewer are handled by it
  bool strict = false;                 // warnings about the recipe become errors
  bool quiet = false;
  // The calibration set passes through linears that are not quantized yet as W8A8_DYNAMIC: quicker,
  // and statistics differ a little.
  bool int8_pass = false;
  std::uint64_t seed = 42;  // of random choices
  bool debug = false;       // keep what the processors decided, see DebugInfo
  std::string recipe_file;  // "<model_type>_best_practice.yaml", or "" for none
  std::string recipe_text;
  std::string request;   // what else decides about the result: a run goes on only with the same one
  bool restart = false;  // an unfinished run in the way is thrown away
  std::string beside;    // the other recipes of the same run, if there are any
  std::string stats_in;  // a file of statistics that is taken instead of passes; "": none
  std::string stats_out;  // a file that keeps what the passes gather; "": none
  // Filled in by share_passes(). The calibration set does not pass through the blocks: the job with
  // this number in the run, or else stats_in, has what it would gather.
  bool no_passes = false;
  int passes_of = -1;
  bool gathers = false;        // what its passes show is kept for others or stats_out
  std::string passes = "own";  // the same in words
  std::string scratch;  // a folder for hidden states that do not fit into memory; "": they do
  Ranks* ranks = &lone_rank();  // who works on it; each has this job, rank 0 writes
  double journal_pause = 1;     // seconds between two notes of what is done, see Journal
};

struct LinearNote {
  std::string name;
  std::string type;                  // as the description names it
  std::optional<WeightError> error;  // not measured without QuantJob::read_back
};

struct BlockTime {
  double seconds = 0;       // since the start of the run, when the block was done
  std::uint64_t bytes = 0;  // resident then, less mapped file pages
};

struct QuantSummary {
  std::string folder;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::int64_t linears = 0;  // in the model, head included
  std::int64_t quantized = 0;
  std::int64_t kv_caches = 0;  // blocks with an int8 KV cache
  std::int64_t calibration_tokens = 0;
  std::int64_t resumed_blocks = 0;          // that an earlier, unfinished run had done
  std::vector<std::int64_t> expert_tokens;  // of every expert of every layer, where data was used
  double wall_seconds = 0;
  double cpu_seconds = 0;
  double write_wait_seconds = 0;  // of wall_seconds: nothing was computed, writes were behind
  std::int64_t disk_reads = 0;    // pages of the files that a thread had to wait for
  std::optional<HeldOutProof> proof;
  std::uint64_t bytes_exchanged = 0;  // that ranks have sent each other, once per receiver
  std::uint64_t peak_bytes = 0;       // resident, less mapped file pages
  std::vector<LinearNote> notes;      // of every linear inside the blocks, in order of writing
  RunNotes details;                   // inputs and scales
  std::vector<BlockTime> timeline;    // of the blocks of this run
  Hash128 tensors_hash;               // over those of all tensors written, see Saver
};

// Checks the plan against the model before any work: patterns that match nothing, fused groups with
// several types, unknown disable_names, a plan that quantizes nothing. Warnings, or one UsageError.
void check_plan(const QuantJob& job, const ModelSpec& model);

// True when linears that engines fuse (q/k/v, gate/up) would get several types.
bool has_mixed_groups(const QuantJob& job, const ModelSpec& model);

// Everything that can be wrong before the calibration set is read: model, recipe, save_path.
// Throws; makes nothing.
void check_job(const QuantJob& job);

// Of jobs of one model: decides whose passes each of them uses, and tells each which others there
// are. UsageError when stats_in is not of such a job, and when there is nothing for stats_out.
void share_passes(std::vector<QuantJob>* jobs);

// The folder of each job has the bytes of a run of that job alone. Collective when job.ranks are
// several: rank 0 has the summaries, the others empty ones.
std::vector<QuantSummary> quantize_models(std::vector<QuantJob> jobs);
QuantSummary quantize_model(const QuantJob& job);

}  // namespace msmodelslim
