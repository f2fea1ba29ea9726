// Any bytes from a client, in one piece or two: the server answers in HTTP or not at all, and ends.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>

#include "fuzz/local_socket.h"
#include "serve/http_server.h"

namespace {

using namespace msmodelslim;

// Events for paths that begin with /e, else one answer.
void answer(HttpRequest request, const std::shared_ptr<HttpReply>& reply) {
  if (!request.path.starts_with("/e")) {
    reply->send(200, "text/plain", request.method + request.authorization + request.body);
    return;
  }
  reply->start_events();
  reply->event(request.body);
  reply->end_events();
}

struct Running {
  Running() {
    HttpOptions options;
    options.port = 0;
    options.max_body = 4096;
    options.idle_seconds = 5;
    server = std::make_unique<HttpServer>(options, answer);
    thread = std::thread([this] { server->run(); });
  }
  ~Running() {
    server->stop();
    thread.join();
  }
  std::unique_ptr<HttpServer> server;
  std::thread thread;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Running running;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t first = bytes.size() * data[0] / 255;
  const LocalSocket client = LocalSocket::connected(running.server->port());
  if (client.send(bytes.substr(0, first))) client.send(bytes.substr(first));
  client.end_sending();
  const std::string answer = client.receive_all();
  if (!answer.empty() && !answer.starts_with("HTTP/1.1 ")) std::abort();
  return 0;
}
