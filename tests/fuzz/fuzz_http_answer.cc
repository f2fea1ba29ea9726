// Any bytes from a server that `tune` asks: an answer or none.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "fuzz/local_socket.h"
#include "serve/http_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace msmodelslim;
  static std::uint16_t port = 0;
  static const LocalSocket server = LocalSocket::listening(port);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::thread answering([&] {
    const LocalSocket client = server.accept();
    client.send(bytes);
    client.end_sending();
    client.receive_all();
  });
  const auto answer = http_get("http://127.0.0.1:" + std::to_string(port) + "/v1/models", 5);
  answering.join();
  if (answer && (answer->status < 0 || answer->status > 999)) std::abort();
  return 0;
}
