with

source as (

    select
        object,
        id,
        state,
        missed_at,
        gone_at

    from {{ source('gitlab', 'tombstones') }}

),

renamed as (

    select
        object || ':' || id as tombstone_key,
        object,
        id as source_id,
        state,
        {{ utc('missed_at') }} as missed_at,
        {{ utc('gone_at') }} as gone_at

    from source

)

select * from renamed
