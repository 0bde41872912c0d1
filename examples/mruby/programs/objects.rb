# Objects, closures, hashes, arrays and strings that come and go; ARGV[0] rounds.
class Node
  attr_reader :left, :right, :name

  def initialize(depth)
    @name = "n#{depth}"
    return unless depth > 0
    @left = Node.new(depth - 1)
    @right = Node.new(depth - 1)
  end

  def count
    1 + (@left ? @left.count + @right.count : 0)
  end
end

def words(n)
  seen = Hash.new(0)
  text = ''
  n.times do |i|
    word = "w#{i * 7919 % 1000}"
    seen[word] += 1
    text += word + ' '
    text = text[1000..-1] if text.size > 2000
  end
  most, times = seen.sort_by { |word, k| [-k, word] }.first
  "#{seen.size} words, #{most} #{times} times, #{text.size} letters"
end

Point = Struct.new(:x, :y)

rounds = ARGV.empty? ? 10 : ARGV[0].to_i
rounds.times do |i|
  numbers = Array.new(1000) { |j| (j * 7919 + i) % 1009 }.sort
  adders = Array.new(500) { |k| ->(x) { x + k } }
  points = numbers.each_slice(2).map { |x, y| Point.new(x, y) }
  sum = adders.inject(0) { |s, f| f.call(s) }
  puts format('%d: %d nodes, %d, %s, %d, %d', i, Node.new(10).count, numbers[500], words(3000), sum,
              points.map(&:y).max)
end
