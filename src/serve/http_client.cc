#include "serve/http_client.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <utility>

#include "base/error.h"

namespace msmodelslim {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = boost::asio::ip::tcp;

constexpr std::uint64_t kMostBytes = 64 << 20;  // of an answer

struct Url {
  std::string host;
  std::string port = "80";
  std::string path = "/";
};

Url parse_url(const std::string& text) {
  constexpr const char* kScheme = "http://";
  if (!text.starts_with(kScheme))
    throw UsageError(fmt::format("'{}' is not the address of a local server", text),
                     "write http://host:port/path");
  const std::string rest = text.substr(std::string(kScheme).size());
  Url url;
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (slash < rest.size()) url.path = rest.substr(slash);
  const std::size_t colon = rest.substr(0, slash).rfind(':');
  url.host = rest.substr(0, std::min(colon, slash));
  if (colon != std::string::npos) url.port = rest.substr(colon + 1, slash - colon - 1);
  return url;
}

std::optional<HttpAnswer> request(const std::string& text, http::verb verb, std::string body,
                                  std::int64_t seconds) {
  const Url url = parse_url(text);
  boost::asio::io_context context;
  Tcp::resolver resolver(context);
  beast::tcp_stream stream(context);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> response;
  response.body_limit(kMostBytes);
  http::request<http::string_body> request(verb, url.path, 11);
  request.set(http::field::host, url.host);
  request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  bool complete = false;
  beast::error_code failed;
  const auto endpoints = resolver.resolve(url.host, url.port, failed);
  if (failed) return std::nullopt;
  stream.expires_after(std::chrono::seconds(seconds));
  stream.async_connect(endpoints, [&](beast::error_code connected, const Tcp::endpoint&) {
    if (connected) return;
    http::async_write(stream, request, [&](beast::error_code written, std::size_t) {
      if (written) return;
      http::async_read(stream, buffer, response,
                       [&](beast::error_code read, std::size_t) { complete = !read; });
    });
  });
  context.run();
  if (!complete) return std::nullopt;
  return HttpAnswer{static_cast<int>(response.get().result_int()), response.get().body()};
}

}  // namespace

std::optional<HttpAnswer> http_get(const std::string& url, std::int64_t seconds) {
  return request(url, http::verb::get, "", seconds);
}

std::optional<HttpAnswer> http_post_json(const std::string& url, std::string body,
                                         std::int64_t seconds) {
  return request(url, http::verb::post, std::move(body), seconds);
}

}  // namespace msmodelslim
