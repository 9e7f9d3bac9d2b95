# Report what a Julia program does to the progress hub; needs the packages HTTP and JSON3.
# `eval "$(progress-kit token --export)"` in the shell before sets PROGRESS_KIT_HUB_URL and PROGRESS_KIT_TOKEN.
#
#   p = Progress("Bootstrap"; total = 1000, unit = "samples")
#   for i in 1:1000; fit(i); step!(p) || break; end      # false when somebody has asked it to stop
#   finish!(p, "succeeded")                              # or finish!(p, "failed", "did not converge")
using HTTP, JSON3

mutable struct Progress; id; name; total; unit; done; last; end

function send(method, path, body)
    address = ENV["PROGRESS_KIT_HUB_URL"] * "api/operations/" * path
    headers = ["X-Progress-Kit-Token" => ENV["PROGRESS_KIT_TOKEN"], "Content-Type" => "application/json"]
    try HTTP.request(method, address, headers, JSON3.write(body); readtimeout = 5).body catch; nothing end
end
put(p, state, error = nothing) = send("PUT", p.id, Dict("lease_s" => 600, "snapshot" => Dict(
    "name" => p.name, "state" => state, "error" => error, "actions" => ["cancel"],
    "origin" => Dict("host" => gethostname()), "stages" => [Dict("name" => "main", "state" => state, "done" => p.done,
    "total" => p.total, "unit" => p.unit)])))

function Progress(name; total = nothing, unit = "")
    p = Progress("jl-$(getpid())-$(rand(1:10^6))", name, total, unit, 0, time()); put(p, "running"); p
end
function step!(p, n = 1)
    p.done += n
    time() - p.last < 1 && return true
    p.last = time(); answer = put(p, "running")
    asked = isnothing(answer) ? [] : JSON3.read(answer).commands
    foreach(c -> send("POST", "$(p.id)/commands/$(c.request)", Dict("ok" => c.action == "cancel")), asked)
    !any(c -> c.action == "cancel", asked)
end
finish!(p, state, why = nothing) = put(p, state, isnothing(why) ? nothing : Dict("type" => "Error", "message" => why))
