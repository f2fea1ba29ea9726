#pragma once
// quant_report.json and quant_report.html in the finished folder: what a run did and how good the
// result is.
//
//   version, date, model {name, path, architecture, dtype, bytes}, recipe {config_id, text},
//   output {folder, bytes, tensors_xxh3}, environment {cpu, threads, peak_bytes}, time
//   {wall_seconds, cpu_seconds, write_wait_seconds, disk_reads, blocks: [{seconds, bytes}]},
//   calibration_tokens, resumed_blocks, quantized, linears_total, linears: [{name, type, snr_db,
//   cosine}], experts: [{layer, tokens}], proof {tokens, kl, kl_error, perplexity,
//   float_perplexity, top1_agreement, block_errors} or null, warnings
// A figure that was not measured is null.

#include "base/json.h"
#include "cli/proof.h"
#include "pipeline/quantize_model.h"

namespace msmodelslim {

Json quant_report(const QuantJob& job, const QuantSummary& summary, const ModelSpec& model,
                  const std::optional<Proof>& full_proof);

// Writes both files.
void write_quant_report(const Json& report, const std::string& folder);

}  // namespace msmodelslim
