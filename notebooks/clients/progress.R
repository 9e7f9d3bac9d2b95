# Report what an R script does to the progress hub; needs the package httr2.
# `eval "$(progress-kit token --export)"` in the shell before sets PROGRESS_KIT_HUB_URL and PROGRESS_KIT_TOKEN.
#
#   p <- progress("Bootstrap", total = 1000, unit = "samples")
#   for (i in 1:1000) { fit(i); if (!p$step()) break }   # FALSE when somebody has asked it to stop
#   p$end("succeeded")                                   # or p$end("failed", "did not converge")
progress <- function(name, total = NULL, unit = "", lease_s = 600) {
  id <- sprintf("r-%d-%d", Sys.getpid(), sample.int(1e6, 1)); done <- 0; last <- Sys.time()
  call <- function(method, path, body) tryCatch(
    httr2::request(paste0(Sys.getenv("PROGRESS_KIT_HUB_URL"), "api/operations/", path)) |>
      httr2::req_method(method) |> httr2::req_body_json(body) |> httr2::req_timeout(5) |>
      httr2::req_headers(`X-Progress-Kit-Token` = Sys.getenv("PROGRESS_KIT_TOKEN"), .redact = "X-Progress-Kit-Token") |>
      httr2::req_perform(), error = function(e) NULL) # without a hub the work goes on
  put <- function(state, error = NULL) call("PUT", id, list(lease_s = lease_s, snapshot = list(
    name = name, state = state, error = error, actions = list("cancel"), origin = list(host = Sys.info()[["nodename"]]),
    stages = list(list(name = "main", state = state, done = done, total = total, unit = unit)))))
  step <- function(n = 1) {
    done <<- done + n
    if (difftime(Sys.time(), last, units = "secs") < 1) return(invisible(TRUE))
    last <<- Sys.time(); answer <- put("running")
    asked <- if (is.null(answer)) list() else httr2::resp_body_json(answer)$commands
    for (each in asked) call("POST", paste0(id, "/commands/", each$request), list(ok = each$action == "cancel"))
    invisible(!any(vapply(asked, function(each) each$action == "cancel", logical(1))))
  }
  put("running")
  list(step = step, end = function(state, why = NULL) invisible(
    put(state, if (!is.null(why)) list(type = "Error", message = why))))
}
