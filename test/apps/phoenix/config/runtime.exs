import Config

if System.get_env("PHX_SERVER"), do: config(:shop, ShopWeb.Endpoint, server: true)

config :shop, ShopWeb.Endpoint,
  http: [ip: {0, 0, 0, 0}, port: String.to_integer(System.get_env("PORT") || "4000")]
