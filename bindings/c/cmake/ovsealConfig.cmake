# find_package(ovseal) defines the targets ovseal::ovseal, the shared library, and ovseal::static, the static one.
# The component openvino adds ovseal::openvino, for ovseal/openvino.hpp. It uses the OpenVINO that find_package(OpenVINO) finds.

get_filename_component(_ovseal_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET ovseal::ovseal)
  add_library(ovseal::ovseal SHARED IMPORTED)
  set_target_properties(ovseal::ovseal PROPERTIES
    IMPORTED_LOCATION "${_ovseal_prefix}/lib/libovseal.so.1"
    IMPORTED_SONAME "libovseal.so.1"
    INTERFACE_INCLUDE_DIRECTORIES "${_ovseal_prefix}/include")

  add_library(ovseal::static STATIC IMPORTED)
  set_target_properties(ovseal::static PROPERTIES
    IMPORTED_LOCATION "${_ovseal_prefix}/lib/libovseal.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_ovseal_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;pthread;m;dl;c")
endif()

set(ovseal_openvino_FOUND FALSE)
if("openvino" IN_LIST ovseal_FIND_COMPONENTS)
  include(CMakeFindDependencyMacro)
  find_dependency(OpenVINO COMPONENTS Runtime)
  set(ovseal_openvino_FOUND TRUE)
  if(NOT TARGET ovseal::openvino)
    add_library(ovseal::openvino INTERFACE IMPORTED)
    set_target_properties(ovseal::openvino PROPERTIES
      INTERFACE_COMPILE_FEATURES cxx_std_17
      INTERFACE_LINK_LIBRARIES "ovseal::ovseal;openvino::runtime")
  endif()
endif()

foreach(_ovseal_component IN LISTS ovseal_FIND_COMPONENTS)
  if(ovseal_FIND_REQUIRED_${_ovseal_component} AND NOT ovseal_${_ovseal_component}_FOUND)
    set(ovseal_FOUND FALSE)
    set(ovseal_NOT_FOUND_MESSAGE "ovseal has no component ${_ovseal_component}")
  endif()
endforeach()
unset(_ovseal_prefix)
unset(_ovseal_component)
