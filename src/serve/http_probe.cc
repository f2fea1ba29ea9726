#include "serve/http_probe.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "base/error.h"

namespace msmodelslim {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = boost::asio::ip::tcp;

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

}  // namespace

bool answers(const std::string& text) {
  const Url url = parse_url(text);
  boost::asio::io_context context;
  Tcp::resolver resolver(context);
  beast::tcp_stream stream(context);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::request<http::empty_body> request(http::verb::get, url.path, 11);
  request.set(http::field::host, url.host);
  bool good = false;
  stream.expires_after(std::chrono::seconds(3));
  beast::error_code failed;
  const auto endpoints = resolver.resolve(url.host, url.port, failed);
  if (failed) return false;
  stream.async_connect(endpoints, [&](beast::error_code connected, const Tcp::endpoint&) {
    if (connected) return;
    http::async_write(stream, request, [&](beast::error_code written, std::size_t) {
      if (written) return;
      http::async_read(stream, buffer, response, [&](beast::error_code read, std::size_t) {
        good = !read && response.result() == http::status::ok;
      });
    });
  });
  context.run();
  return good;
}

}  // namespace msmodelslim
