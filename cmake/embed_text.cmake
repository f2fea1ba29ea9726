# Writes a C++ file that holds a text file as a constant:
#   cmake -DINPUT=chat.html -DOUTPUT=chat_page.cc -DNAME=kChatPage -P embed_text.cmake
file(READ "${INPUT}" text)
set(source "#include <string_view>\n\nnamespace msmodelslim {\n\n")
string(APPEND source "extern const std::string_view ${NAME};\nconst std::string_view ${NAME} = R\"text(")
file(WRITE "${OUTPUT}" "${source}")
file(APPEND "${OUTPUT}" "${text}")
file(APPEND "${OUTPUT}" ")text\";\n\n}  // namespace msmodelslim\n")
