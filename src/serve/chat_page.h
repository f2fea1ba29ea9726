#pragma once
// The chat page at "/": page/chat.html, which the build puts into the program.

#include <string_view>

namespace msmodelslim {

extern const std::string_view kChatPage;

}  // namespace msmodelslim
