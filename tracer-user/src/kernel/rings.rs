//! The ring buffers: one per CPU (up to a bound), created here and handed to the kernel side through an array of maps.

use aya::{
    Ebpf,
    maps::{ArrayOfMaps, Map, MapData, MapError, RingBuf},
};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF;

use super::loader::LoadError;

/// Creates `count` ring buffers of `bytes` (a power of two, multiple of the page size).
pub(super) fn create(ebpf: &mut Ebpf, count: u32, bytes: u32) -> Result<Vec<RingBuf<MapData>>, LoadError> {
    let outer = ebpf.map_mut("RINGS").ok_or(LoadError::NoMap("RINGS"))?;
    let mut outer = ArrayOfMaps::<_, MapData>::try_from(outer)?;
    (0..count)
        .map(|index| {
            let definition = aya_obj::Map::new_from_params(BPF_MAP_TYPE_RINGBUF as u32, 0, 0, bytes, 0);
            let ring = MapData::create(definition, "ring", None)?;
            outer.set(index, &ring, 0)?;
            RingBuf::try_from(Map::RingBuf(ring))
        })
        .collect::<Result<_, MapError>>()
        .map_err(LoadError::from)
}
