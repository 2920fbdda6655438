require "sinatra/base"

class Hello < Sinatra::Base
  get("/") { "hello from sinatra" }
end
