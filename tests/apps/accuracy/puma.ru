# A Rack application for Puma that calls the service at $BACK with Net::HTTP, a kept connection for each thread.
require 'net/http'
require 'uri'

BACK = URI(ENV.fetch('BACK'))

# The calls.
module Back
  # FNV-1a, 64 bits, of `ID:CALL`: no byte of it says which request it belongs to.
  def self.path(id, number)
    value = "#{id}:#{number}".bytes.reduce(0xcbf29ce484222325) do |hash, byte|
      ((hash ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    end
    format('/back/%016x', value)
  end

  def self.call(id, number)
    http = Thread.current.thread_variable_get(:http)
    unless http
      http = Net::HTTP.start(BACK.host, BACK.port, max_retries: 0, keep_alive_timeout: 60)
      Thread.current.thread_variable_set(:http, http)
    end
    http.get(path(id, number)).value
  end
end

# The body; a Rack server calls `close` once it has sent it.
class Answer
  def initialize(kind, id)
    @kind = kind
    @id = id
  end

  def each
    yield "ok\n"
  end

  def close
    sleep(rand * 0.02) if @kind == 'later'
    Back.call(@id, 1) if %w[after later].include?(@kind)
  end
end

run(lambda do |env|
  _, _, kind, id = env['PATH_INFO'].split('/')
  case kind
  when 'one' then Back.call(id, 1)
  when 'seq' then [1, 2].each { |number| Back.call(id, number) }
  when 'par'
    [1, 2].map do |number|
      Thread.new do
        Back.call(id, number)
        Thread.current.thread_variable_get(:http).finish
      end
    end.each(&:join)
  when 'wait'
    sleep(rand * 0.02)
    Back.call(id, 1)
  end
  [200, { 'Content-Length' => '3' }, Answer.new(kind, id)]
end)
