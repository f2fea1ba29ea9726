#pragma once
// The names of C-Eval's subjects, as its questions are introduced.

#include <string>

namespace msmodelslim {

// Throws DataError for a subject that C-Eval does not have.
std::string ceval_subject(const std::string& subject);

}  // namespace msmodelslim
