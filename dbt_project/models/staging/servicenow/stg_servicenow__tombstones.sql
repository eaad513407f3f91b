with

source as (

    select * from {{ source('servicenow', 'tombstones') }}

),

renamed as (

    select
        object || ':' || id as tombstone_id,
        object as raw_table,
        id as sys_id,
        state,
        {{ utc('missed_at') }} as missed_at,
        {{ utc('gone_at') }} as gone_at

    from source

)

select * from renamed
