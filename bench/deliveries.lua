-- Each request of the file $DELIVERIES once; what was answered on stdout.
local all, at = {}, 0

function setup(thread)
	thread_of_all = thread
end

function init(args)
	local f = assert(io.open(os.getenv("DELIVERIES"), "rb"))
	while true do
		local n = f:read("*n")
		if not n then
			break
		end
		f:read(1)
		all[#all + 1] = f:read(n)
	end
	f:close()
	good, bad = 0, 0
end

function request()
	at = at + 1
	return all[at] or all[#all]
end

function response(status)
	if status == tonumber(os.getenv("WANT")) then
		good = good + 1
	else
		bad = bad + 1
	end
end

function done(summary)
	io.write(string.format("%d %d %.1f\n", thread_of_all:get("good"),
		thread_of_all:get("bad"),
		thread_of_all:get("good") / summary.duration * 1e6))
end
