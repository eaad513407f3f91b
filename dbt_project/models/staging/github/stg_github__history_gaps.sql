with

source as (

    select * from {{ source('github', 'history_gaps') }}

),

renamed as (

    select
        'github|' || object || '|' || scope || '|' || gap as history_gap_key,
        object,
        scope,
        reason,
        {{ utc('gap_from') }} as gap_from,
        {{ utc('gap_to') }} as gap_to

    from source

)

select * from renamed
