with

source as (

    select * from {{ source('jenkins', 'history_gaps') }}

),

renamed as (

    select
        'jenkins|' || object || '|' || scope || '|' || gap as history_gap_key,
        object,
        scope,
        reason,
        {{ utc('gap_from') }} as gap_from,
        {{ utc('gap_to') }} as gap_to

    from source

)

select * from renamed
