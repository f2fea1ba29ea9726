#pragma once
// Requests to an HTTP server, one at a time: "http://host:port/path". UsageError for a URL of
// another form.

#include <cstdint>
#include <optional>
#include <string>

namespace msmodelslim {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// Nothing when no answer comes within so many seconds.
std::optional<HttpAnswer> http_get(const std::string& url, std::int64_t seconds);
std::optional<HttpAnswer> http_post_json(const std::string& url, std::string body,
                                         std::int64_t seconds);

}  // namespace msmodelslim
