#pragma once
// quant_report.json and quant_report.html in the finished folder: what a run did and how good the
// result is.
//
//   version, date, model {name, path, architecture, dtype, bytes, files}, recipe {config_id, text},
//   output {folder, bytes, tensors_xxh3_128, files}, environment {cpu, threads, peak_bytes}, time
//   {wall_seconds, cpu_seconds, write_wait_seconds, disk_reads, blocks: [{seconds, bytes}]},
//   calibration_tokens, passes, resumed_blocks, quantized, linears_total, linears, inputs,
//   static_inputs, scales, experts, proof {tokens, kl, kl_error, perplexity, float_perplexity,
//   top1_agreement, block_errors, worst} or null, warnings
// files: run_files.h; linears, experts, worst: report_lists.h; inputs, static_inputs, scales:
// pipeline/run_notes.h; passes: QuantJob::passes. tensors_xxh3_128: over the texts of the hashes of
// all tensors in the order of writing, each taken of the bytes handed over. A figure that was not
// measured is null.

#include "base/json.h"
#include "cli/proof.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

struct RunFiles {
  Json source;   // source_files()
  Json written;  // written_files()
};

Json quant_report(const QuantJob& job, const QuantSummary& summary, const ModelSpec& model,
                  const std::optional<Proof>& full_proof, const RunFiles& files);

// Writes both files.
void write_quant_report(const Json& report, const std::string& folder);

}  // namespace msmodelslim
