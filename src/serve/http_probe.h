#pragma once
// Whether an HTTP server answers.

#include <string>

namespace msmodelslim {

// True when GET `url` ("http://host:port/path") gives status 200 within three seconds. UsageError
// for a URL of another form.
bool answers(const std::string& url);

}  // namespace msmodelslim
