# What rake builds of mruby: mrbc for this machine, libmruby.a for WASI.  CC, AR and CFLAGS are
# CMake's.
MRuby::Build.new('host') do |conf|
  conf.toolchain :gcc
  conf.cc.command = conf.linker.command = 'cc'
  conf.archiver.command = 'ar'
  conf.build_mrbc_exec
  conf.disable_libmruby
  conf.disable_presym
end

# Without what wants processes, sockets or other users' files.
MRuby::CrossBuild.new('wasi') do |conf|
  conf.toolchain :clang
  conf.cc.command = conf.linker.command = ENV.fetch('PYM_CC')
  conf.archiver.command = ENV.fetch('PYM_AR')
  conf.cc.flags = ENV.fetch('PYM_CFLAGS').split
  conf.gembox 'stdlib'
  conf.gembox 'math'
  conf.gembox 'metaprog'
  %w[pack sprintf time struct data random print error].each do |name|
    conf.gem core: "mruby-#{name}"
  end
end
