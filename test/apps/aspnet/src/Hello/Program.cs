var app = WebApplication.CreateBuilder(args).Build();

app.MapGet("/", () => "hello from aspnet");
app.Run();
