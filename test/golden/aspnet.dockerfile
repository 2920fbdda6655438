FROM mcr.microsoft.com/dotnet/sdk:9.0 AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /app
# The sources are only lent to the compiler: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/root/.nuget/packages \
    dotnet restore src/Hello/Hello.csproj && \
    dotnet publish src/Hello/Hello.csproj -c Release -o out --no-restore -p:UseAppHost=false && \
    mkdir -p /out && cp -r --parents out /out/

FROM mcr.microsoft.com/dotnet/aspnet:9.0
RUN (id app || useradd --create-home app) && install -d -o app -g app /app
WORKDIR /app
COPY --from=build --chown=app:app /out/ ./
ENV PORT=10000 ASPNETCORE_URLS=http://+:10000 \
    ASPNETCORE_CONTENTROOT=/app/out DOTNET_CONTENTROOT=/app/out
USER app
EXPOSE 10000
CMD ["dotnet", "out/Hello.dll"]
